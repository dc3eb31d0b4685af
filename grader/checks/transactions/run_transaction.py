"""`run_transaction`: the whole unit again, and only when the server asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import blame
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Database, Reply, Resource
from grader.checks.transactions.unit import lab

TABLES = """
CREATE TABLE attempts (scenario text NOT NULL, attempt int NOT NULL);
CREATE FUNCTION refuse_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
END $$;
CREATE TABLE refused_at_commit (attempt int);
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused_at_commit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_at_commit()
"""
ATTEMPTS = 4  # what the answer is told
PATIENCE = 12  # attempts after which the driver ends a call that goes on for ever
LONGEST = 120.0  # seconds between two attempts that a caller may be asked to wait

# What each attempt of a scenario meets: an SQLSTATE, "commit" (refused when it commits), "bug" (a Python error), "ok".
SCENARIOS: dict[str, list[str]] = {
    "no conflict": ["ok"],
    "a serialization failure": ["40001", "ok"],
    "a deadlock": ["40P01", "ok"],
    "a serialization failure at COMMIT": ["commit", "ok"],
    "two different conflicts": ["40P01", "40001", "ok"],
    "conflicts without end": ["40001"] * 50,
    "a unique violation": ["23505", "ok"],
    "a lock that was not available": ["55P03", "ok"],
    "a statement that was cancelled": ["57014", "ok"],
    "a statement of which nobody knows whether it was completed": ["40003", "ok"],
    "a bug in the work": ["bug", "ok"],
}
FOR_GOOD = [
    "a unique violation",
    "a lock that was not available",
    "a statement that was cancelled",
    "a statement of which nobody knows whether it was completed",
    "a bug in the work",
]
CONFLICTS = [
    "a serialization failure",
    "a deadlock",
    "a serialization failure at COMMIT",
    "two different conflicts",
]

DRIVER = """
class __EndOfPatience__(BaseException):
    pass


def __scenario__(engine, told, name, plan, attempts, patience):
    import inspect, time
    from sqlalchemy import text
    tries = []

    def sleep(seconds=0.0):
        told(float(seconds))

    def work(connection):
        tries.append(None)
        n = len(tries)
        if n > patience:
            raise __EndOfPatience__()
        connection.execute(text("INSERT INTO attempts VALUES (:s, :n)"), {"s": name, "n": n})
        what = plan[min(n, len(plan)) - 1]
        if what == "bug":
            raise LookupError("a bug in the work")
        if what == "commit":
            connection.execute(text("INSERT INTO refused_at_commit VALUES (1)"))
        elif what != "ok":
            connection.execute(text(
                "DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '" + what + "'; END $$"))
        return "result of attempt %d" % n

    given = {"attempts": attempts, "max_attempts": attempts, "sleep": sleep}
    parameters = inspect.signature(run_transaction).parameters
    given = {k: v for k, v in given.items() if k in parameters}
    # one that ignores the `sleep` it is given does not take time either, and is not heard
    real, time.sleep = time.sleep, (lambda seconds: None) if "sleep" in given else sleep
    report = {"value": None, "error": "", "sqlstate": "", "told": len(given.keys() - {"sleep"})}
    try:
        report["value"] = run_transaction(engine, work, **given)
    except __EndOfPatience__:
        report["error"] = "endless"
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        report["error"] = type(error).__name__
        report["sqlstate"] = getattr(getattr(error, "orig", error), "sqlstate", "") or ""
        report["message"] = str(error).splitlines()[0][:200] if str(error) else ""
    finally:
        time.sleep = real
    report["tries"] = len(tries)
    return report
"""


@dataclass
class Outcome:
    """One call. rows: the attempts whose row is in the table afterwards. waits: seconds asked to sleep, in order;
    open_while_waiting: how many of them had a transaction open."""

    name: str
    tries: int = 0
    value: Any = None
    error: str = ""  # class name; "endless" if the driver had to end it
    sqlstate: str = ""
    message: str = ""
    rows: list[int] = field(default_factory=list)
    limit: int = ATTEMPTS  # attempts that are allowed
    waits: list[float] = field(default_factory=list)
    open_while_waiting: int = 0
    broken: str = ""  # the call did not come back


@dataclass
class History:
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    repeated: list[Outcome] = field(default_factory=list)  # conflicts without end, several times over


@lab.exercise(
    "run_transaction",
    points=4,
    read="04-transactions: SERIALIZABLE and retries",
    coverage=lambda h: f"{len(h.outcomes)} courses of events, {len(h.repeated)} times conflicts without end",
    hints=(
        "The server refuses your transaction and asks you to try again. Which part of the work may you repeat: the "
        "statement, or everything since BEGIN?",
        "SQLAlchemy wraps the driver's exception: its `orig` carries the `sqlstate`. Which two of them mean that trying "
        "again can help? And when may such an error come: also at COMMIT?",
        "A loop with a limit; inside it a fresh transaction around the whole of `work`, commit included; after it, "
        "outside the transaction, a random wait that may grow. Everything else goes straight to the caller.",
    ),
)
def run_transaction(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLES)
    waits: list[tuple[float, bool]] = []

    def told(seconds: float) -> None:
        rows = database.query(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = %s AND (xact_start IS NOT NULL "
            "OR state LIKE 'idle in transaction%%') AND pid <> pg_catalog.pg_backend_pid()",
            database.name,
            role="admin",
        )
        waits.append((float(seconds), rows[0][0] > 0))

    worker = answer.spawn(driver=DRIVER, callbacks={"told": told})
    engine = Resource("engine", database.url("learner"), id="engine")

    def play(name: str, label: str = "") -> Outcome:
        waits.clear()
        label = label or name
        plan = SCENARIOS[name]
        reply = worker.call(
            "__scenario__", engine, Resource("callback", "told"), label, plan, ATTEMPTS, PATIENCE
        )
        return _outcome(name, reply, database, label, waits)

    history = History()
    for name in SCENARIOS:
        history.outcomes[name] = play(name)
        if history.outcomes[name].broken:
            return history
    history.repeated = [play("conflicts without end", f"again {i}") for i in range(6)]
    return history


def _outcome(
    name: str, reply: Reply, database: Database, label: str, waits: list[tuple[float, bool]]
) -> Outcome:
    if not reply.ok or not isinstance(reply.value, Mapping):
        return Outcome(name, broken=blame(reply))
    found = {k: reply.value.get(k) for k in ("tries", "value", "error", "sqlstate", "message")}
    rows = database.query("SELECT attempt FROM public.attempts WHERE scenario = %s ORDER BY 1", label)
    return Outcome(
        name,
        int(found["tries"] or 0),
        found["value"],
        str(found["error"] or ""),
        str(found["sqlstate"] or ""),
        str(found["message"] or ""),
        [n for (n,) in rows],
        ATTEMPTS if reply.value.get("told") else PATIENCE - 1,
        [seconds for seconds, _ in waits],
        sum(open for _, open in waits),
    )


def described(outcome: Outcome) -> str:
    if outcome.broken:
        return f"the call {outcome.broken}"
    if outcome.error == "endless":
        return f"it was still trying at attempt {outcome.tries}"
    after = f" after {outcome.tries} attempt{'s' if outcome.tries != 1 else ''}"
    if outcome.error:
        code = f" ({outcome.sqlstate})" if outcome.sqlstate else ""
        return f"it raised {outcome.error}{code}{after}"
    return f"it returned {outcome.value!r}{after}"


@run_transaction.property(
    misconception="`work` gets a connection in a transaction; what it returns is the caller's."
)
def returns_the_result(history: History) -> Ruling:
    """Without a conflict the work runs once, is committed, and its result is returned."""
    outcome = history.outcomes["no conflict"]
    if outcome.broken or outcome.error or outcome.tries != 1 or outcome.value != "result of attempt 1":
        return fail("the work's result after one attempt", described(outcome))
    if outcome.rows != [1]:
        return fail("the work's row committed", "its row is not in the table: nothing was committed")
    return True


@run_transaction.property(
    needs=["returns_the_result"],
    misconception="A conflict may show at any statement and at COMMIT too, as a serialization failure (40001) or a "
    "deadlock (40P01): the commit belongs inside what is tried again.",
)
def conflicts_tried_again(history: History) -> Ruling:
    """After a serialization failure or a deadlock, wherever it shows, the work is tried again and succeeds."""
    for name in CONFLICTS:
        outcome = history.outcomes.get(name)
        if outcome is None:
            return unknown("An earlier call did not come back.")
        wanted = len(SCENARIOS[name])
        if outcome.error or outcome.broken or outcome.value != f"result of attempt {wanted}":
            return fail(f"{name}: the result of attempt {wanted}", described(outcome))
    return True


@run_transaction.property(
    needs=["conflicts_tried_again"],
    misconception="After a conflict the server has taken back everything since BEGIN: each attempt needs a transaction "
    "of its own around the whole work.",
)
def no_partial_effects(history: History) -> Ruling:
    """Only the attempt that succeeded leaves anything behind; a call that raises leaves nothing."""
    for name, outcome in history.outcomes.items():
        met = SCENARIOS[name][min(outcome.tries, len(SCENARIOS[name])) - 1]
        wanted = [outcome.tries] if met == "ok" and not outcome.error else []
        if outcome.rows != wanted:
            return fail(
                f"{name}: rows of {'attempt ' + str(wanted[0]) if wanted else 'no attempt'}",
                f"rows of attempts {', '.join(map(str, outcome.rows)) or '(none)'} are in the table",
            )
    return True


@run_transaction.property(
    needs=["returns_the_result"],
    misconception="A constraint that is violated, a bug or a cancelled statement will be there again next time; only "
    "40001 and 40P01 mean that trying again helps. OperationalError covers much more than those.",
)
def the_rest_raised(history: History) -> Ruling:
    """Every other error goes to the caller as it is, after one attempt."""
    for name in FOR_GOOD:
        outcome = history.outcomes.get(name)
        if outcome is None:
            return unknown("An earlier call did not come back.")
        first = SCENARIOS[name][0]
        same = outcome.error == "LookupError" if first == "bug" else outcome.sqlstate == first
        if outcome.tries != 1 or not same:
            kind = "LookupError" if first == "bug" else f"an error with SQLSTATE {first}"
            return fail(f"{name}: {kind} after one attempt", described(outcome))
    return True


@run_transaction.property(
    needs=["conflicts_tried_again"],
    misconception="A loop without a limit keeps a server busy that has too much to do already.",
)
def bounded(history: History) -> Ruling:
    """Conflicts without end end after the agreed number of attempts, with the last conflict raised."""
    outcome = history.outcomes.get("conflicts without end")
    if outcome is None:
        return unknown("An earlier call did not come back.")
    if outcome.sqlstate != "40001" or not 2 <= outcome.tries <= outcome.limit:
        return fail(
            f"the serialization failure (40001) after attempts={ATTEMPTS} attempts", described(outcome)
        )
    return True


@run_transaction.property(
    needs=["bounded"],
    misconception="Those who collided and come back at once, or all after the same time, collide again: the wait has to "
    "be random, and nothing may be held while it lasts.",
)
def waits_with_jitter(history: History) -> Ruling:
    """Between two attempts it waits a random time, through `sleep`, with no transaction open."""
    runs = history.repeated
    if not runs:
        return unknown("Conflicts without end were not reached.")
    for run in runs:
        if len(run.waits) != run.tries - 1:
            return fail(
                "one call of the given sleep between two attempts, none after the last",
                f"{len(run.waits)} waits in {run.tries} attempts",
            )
        if any(not 0 <= seconds <= LONGEST for seconds in run.waits):
            return fail(f"waits between 0 and {LONGEST:g} seconds", f"waits of {run.waits} seconds")
        if run.open_while_waiting:
            return fail("no transaction open while it waits", "a transaction was open during the wait")
    if len({tuple(run.waits) for run in runs}) < 3 or not any(
        seconds > 0 for run in runs for seconds in run.waits
    ):
        shown = ", ".join(f"{run.waits[0]:g}" for run in runs)
        return fail(
            "waits that differ from call to call", f"the first waits of {len(runs)} calls: {shown} seconds"
        )
    return True
