"""Every interleaving of an answer's own code, against the real server.

    with Stage(database.url("learner"), database.url("admin"), callers=2) as stage:
        reset = SavedRows(database.url("admin"), {"accounts": "id in (1, 2)"})
        callers = [
            Caller(answer.spawn, lambda worker, url: worker.start("transfer", Resource("connection", url), 1, 2, 30)),
            Caller(answer.spawn, lambda worker, url: worker.start("transfer", Resource("connection", url), 2, 1, 20)),
        ]
        found = explore(stage, callers, reset=reset, observe=balances, invariant=lambda run: ...)
        alone = crashes(stage, callers[0], reset=reset, observe=balances, invariant=lambda run: ...)
    str(found.coverage)             # "all 42 schedules of 2 concurrent calls"
    found.counterexample            # the simplest failing Run, or None
    timeline(found.counterexample)  # JSON-safe data for `grader.show`
    replay(stage, callers, "1 2 2 1 1 2", reset=reset, ...)

How it works. Each caller runs in its own worker and connects through its own listener of `pgwire.PgProxy`. A
statement that arrives is held. When every caller holds a statement, has ended, or waits inside the server, nothing
can happen by itself any more: that is a *point*, and the only thing to decide is whose statement goes next
(`play`). All decisions of a run, in order, are its *schedule*. Schedules are enumerated by stateless replay:
reset the rows, follow a prefix of decisions, then go on without changing callers unless one must (`search`).
Prefixes with fewer changes of turn come first, so the first failure found has the fewest there are, and a search
that is cut short, and skipped nothing, can say "all with at most k changes of turn". Nothing of the answer is patched.

Whether a statement waits is asked of the server (`pg_blocking_pids`, `pg_safe_snapshot_blocking_pids`) on a
connection of the explorer's own while its reply is outstanding; time only decides how often to ask. It counts as
waiting only if somebody on the stage holds what it waits for, and a circle of waits is left to the server to break.
A circle is closed by the last statement that was let go; that one is always the victim, because whoever waited
before it has had its deadlock check already. A run in which the machine was too slow for that is played again with
more time.

What is taken for one step, and why that loses nothing:

- BEGIN, SET, SHOW, SAVEPOINT, RELEASE and a COMMIT or ROLLBACK of a transaction that has done nothing else go on at
  once: no snapshot is taken, no lock, no row. A plain BEGIN is answered by the proxy and reaches the server together
  with the statement after it. (Only now() could tell: it is then as late as it may be.)
- Preparing a statement and executing it right after is one step. Preparing takes a snapshot, so it is never earlier
  than the choice. A commit of somebody else between the two is not tried.
- In a pipeline every Execute is a step of its own; the final Sync goes with the last one.
- A session that the client closes is rolled back at that moment; the moment is not varied.
- Two calls get every schedule, unless `reduce` is asked for. From three on, or then, schedules that differ only by
  swaps of independent neighbours (`independence`) are played once. Interchangeable callers make their first moves in
  order. A loop of attempts
  that the server refuses (NOWAIT, a lock tried in vain) is not unrolled further than two turns. The coverage
  sentence says so.

Faults are choices too: "1!" the caller is killed before its statement, "1<" and "1>" its connection is lost before
and after the statement took effect. Killed after statement n is killed before statement n+1: the server sees the
same; what remains, killed after the last one, is a call that had ended but for its return. For faults, a statement
that nobody can notice is the same boundary as the next one.

Between runs nothing survives but rows: `reset` restores them; a kept connection is brought back to its first state;
one left in a transaction, lost or killed makes its worker be replaced; backends are waited out or terminated.
Order is deterministic. An answer that sleeps is waited for; one that is silent too long (`Limits`) is passed by if
others can move, and the run is marked `timed`; a process that merely does not get the processor does not count as
silent. An answer whose statements differ from run to run makes runs diverge; they are counted.
"""

from grader.instruments.explore.api import Exploration, crashes, explore, replay
from grader.instruments.explore.lane import Caller
from grader.instruments.explore.limits import PATIENT, Limits
from grader.instruments.explore.rows import SavedRows
from grader.instruments.explore.run import Run, Wait
from grader.instruments.explore.schedule import Choice, parse, spell
from grader.instruments.explore.stage import Stage
from grader.instruments.explore.timeline import timeline

__all__ = [
    "PATIENT",
    "Caller",
    "Choice",
    "Exploration",
    "Limits",
    "Run",
    "SavedRows",
    "Stage",
    "Wait",
    "crashes",
    "explore",
    "parse",
    "replay",
    "spell",
    "timeline",
]
