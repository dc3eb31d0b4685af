"""Redis, HTTP and sleeps in the explorer's schedules: `join` puts the steps of a journal on the explorer's stage.

    journal = Journal()
    with Stage(database.url(), admin_url, callers=2) as stage, RespProxy(redis_url, folder, journal=journal) as proxy:
        join(stage, journal)
        def begin(worker, url): return worker.start("update_price", Resource("connection", url), redis_of(worker), 7, 5)
        found = explore(stage, [Caller(spawn_a, begin), Caller(spawn_b, begin_b)], reset=reset, invariant=invariant)

The callers' names are the lanes' ("T1", "T2"): `proxy.url("T1")`, `bank.socket("T1")`, `clock.serve(folder, "T1")`.
In a schedule a step of another instrument is told from a statement by a letter: "1r" Redis, "1p" the provider, "1q"
the broker, "1k" a sleep on the virtual clock, "1y" anything else; a second open connection counts on: "1r1".
Every such step is a choice: nothing of it is taken for invisible to others. Where schedules are reduced, steps on
different servers count as independent (`grader.instruments.explore.independence`). A caller that asks the same thing again,
and nobody else has moved meanwhile, is polling: others go first, if there are any.
"""

from __future__ import annotations

from contextlib import suppress

from grader.instruments.explore import Stage
from grader.instruments.pgwire import Statement
from grader.instruments.resp.commands import changes_anyway
from grader.instruments.steps import Journal, Step

LETTERS = {"Redis": "r", "provider": "p", "broker": "q", "clock": "k"}
_ENDS = {"ok": "ok", "error": "error", "cut": "cut", "lost": "lost"}


class Guest:
    """One open step, as the explorer sees a session. It is on the stage only while its step is under way."""

    backend = None
    status = "I"
    phase = "ready"
    pid = 0

    def __init__(self, joined: Joined, step: Step, name: str) -> None:
        self._joined, self.step = joined, step
        self.lane, self.name, self.elsewhere = step.caller, name, step.lane
        number = joined.stage.proxy.next_number(step.caller)
        self.statement = Statement(step.caller, name, number, f"{step.lane}: {step.text}", announced=True)
        self._since = joined.moves_of_others(step.caller)
        self.polls = joined.repeats(step, self._since)

    @property
    def held(self) -> Statement | None:
        return self.statement if self.step.state == "held" and not self.rests else None

    @property
    def rests(self) -> bool:
        """Polls for what only another caller can bring about."""
        return (
            self.step.state == "held"
            and self.polls
            and self._joined.moves_of_others(self.lane) == self._since
            and self._joined.others_go_on(self)
        )

    @property
    def current(self) -> Statement | None:
        """Under way; a command that blocks in the server is not: others must move for it to go on."""
        running = self.step.state == "running" and not self.step.waiting()
        return self.statement if running or (self.step.finished() and not self.statement.done) else None

    @property
    def listens(self) -> bool:
        return self.step.waiting()

    def release(self, *, lose_reply: bool = False) -> None:
        self.statement.state = "running"
        self._joined.stage.proxy.note(self.statement)
        self.step.act("cut after" if lose_reply else "go")

    def cut(self) -> None:
        self._joined.leave(self)
        self.statement.state = "cut"
        self.step.cut("before")

    def close(self) -> None:
        """The caller is dead, or made to let go."""
        self._joined.leave(self)
        if not self.statement.done:
            self.statement.state = "abandoned"
        self.step.cut("before")

    def refresh(self) -> None:
        """Nothing of it outlives its step."""

    def flush(self) -> None:
        """As above."""

    def finish(self) -> None:
        """Tells the explorer that the reply is complete."""
        self._joined.leave(self)
        step, statement = self.step, self.statement
        if statement.state == "running":
            statement.state = _ENDS.get(step.state, "abandoned")  # type: ignore[assignment]
        if step.state == "error":
            statement.error = {"C": "", "M": step.result}
        statement.tags.append(step.result)
        self._joined.stage.proxy.finished(self, statement)  # type: ignore[arg-type]


class Joined:
    """Keeps the stage's list of sessions in step with the journal; `end` undoes it."""

    def __init__(self, stage: Stage, journal: Journal) -> None:
        self.stage, self.journal = stage, journal
        self._lanes = {lane.name for lane in stage.lanes}
        self._guests: list[Guest] = []
        self._seen: set[Step] = set()
        self._asked: dict[
            str, list[tuple[str, str, int]]
        ] = {}  # by lane: what was asked last, and others' moves then
        self._bell = journal.bell()
        journal.hold(lambda step: step.caller in self._lanes)
        stage.proxy.watch(self._bell.fileno(), lambda mask: self._rung())

    def leave(self, guest: Guest) -> None:
        if guest in self._guests:
            self._guests.remove(guest)
            self.stage.proxy.sessions.remove(guest)  # type: ignore[arg-type]

    def moves_of_others(self, lane: str) -> int:
        """How many statements and steps of other lanes have been let go."""
        return sum(s.lane != lane and s.state != "held" for s in self.stage.proxy.history)

    def others_go_on(self, guest: Guest) -> bool:
        """Whether a caller in another lane is still on its way and not itself polling."""
        resting = {g.lane for g in self._guests if g.polls}
        return any(
            lane.name != guest.lane and lane.name not in resting and lane.call is not None and not lane.ended
            for lane in self.stage.lanes
        )

    def repeats(self, step: Step, moves: int) -> bool:
        """Whether `step` asks what its caller has just asked, while nobody else moved. Writes it down.

        To the letter once, or the same command on the same key twice (a lock tried with a new token each time). What
        changes something each time is no question.
        """
        if step.lane == "Redis" and changes_anyway(step.text):
            self._asked.pop(step.caller, None)
            return False
        roughly = " ".join(step.text.split()[:2])
        before = self._asked.setdefault(step.caller, [])
        before.append((step.text, roughly, moves))
        del before[:-3]
        if step.lane == "Redis" and roughly.startswith(
            "EVAL"
        ):  # a script may change something as well as ask
            return len(before) == 3 and len({b[1:] for b in before}) == 1
        return before[-2:-1] == before[-1:] or (len(before) == 3 and len({b[1:] for b in before}) == 1)

    def clear(self) -> None:
        """Forgets what happened, between runs; goes on holding."""
        with self.journal.changed:
            self.journal.clear()
            self._seen.clear()
            self._asked.clear()
            self.journal.hold(lambda step: step.caller in self._lanes)

    def end(self) -> None:
        self.stage.proxy.unwatch(self._bell.fileno())
        for guest in list(self._guests):
            guest.close()
        self.journal.let_go()

    def _rung(self) -> None:
        with suppress(BlockingIOError):
            while self._bell.recv(4096):
                pass
        with self.journal.changed:
            for guest in list(self._guests):
                if guest.step.finished():
                    guest.finish()
            for step in self.journal.steps:
                if step not in self._seen:
                    self._seen.add(step)
                    if step.state == "held" and step.caller in self._lanes:
                        self._enter(step)

    def _enter(self, step: Step) -> None:
        letter = LETTERS.get(step.lane, "y")
        taken = {g.name for g in self._guests}
        names = [f"{step.caller}{letter}", *(f"{step.caller}{letter}{i}" for i in range(1, 100))]
        guest = Guest(self, step, next(n for n in names if n not in taken))
        self._guests.append(guest)
        self.stage.proxy.sessions.append(guest)  # type: ignore[arg-type]


def join(stage: Stage, journal: Journal) -> Joined:
    """From now on steps of `journal` whose caller is a lane of `stage` are played by its schedules."""
    return Joined(stage, journal)
