"""What happens at the desk of `refresh`: calls one after the other, in two processes, and at the same moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from grader.checks.authentication.refresh_desk import SCHEMA, SEEDS, Call, Desk, History
from grader.checks.concurrency import CONN, Part, Rehearsal
from grader.checks.running import Answer, Bench, Resource
from grader.checks.virtual_time import SEED
from grader.instruments.clock import START
from grader.instruments.explore import Run

NOW = Resource("clock", START.isoformat(), id="clock now")
LATER = Resource("clock", (START + timedelta(days=29)).isoformat(), id="clock later")
TOO_LATE = Resource("clock", (START + timedelta(days=31)).isoformat(), id="clock too late")
SAME = Part("__seed__", 11)  # brings `random` into one state in two processes
WHAT = {
    "expired": "a token that ran out a quarter of an hour ago",
    "ended": "a token of a family that has ended",
    "revoked": "a token of a family that was revoked",
}


def play(answer: Answer, bench: Bench) -> History:
    """The calls one after the other, then at the same moment."""
    database = bench.database("empty")
    database.connection("learner").execute(SCHEMA)
    random = bench.random("tokens")
    tokens = {name: random.randbytes(32).hex() for name in SEEDS}
    desk, history = Desk(database, tokens), History()
    with Rehearsal(answer, bench, database, callers=2, driver=SEED) as rehearsal:

        def call(key: str, what: str, token: str, clock: Resource = NOW) -> Call:
            reply = rehearsal.rescue(Part("refresh", CONN, token, clock))
            made = history.calls[key] = Call(what, reply, desk.rows())
            return made

        desk.reset()
        rehearsal.rescue(SAME)
        first = call("first", "the first token", tokens["first"])
        if first.reply.ended or (first.reply.error is not None and first.reply.error.kind == "not_answered"):
            return history
        second = call("second", "the token that gave", first.token or "none")
        third = call("third", "the token that gave, 29 days later", second.token or "none", LATER)
        history.readable = desk.readable(first.token, second.token, third.token)
        call("ending", "a token of a family that ends in a week", tokens["ending"])
        call("unknown", "a token nobody issued", random.randbytes(32).hex())
        call("empty", "an empty text", "")
        for name in ("expired", "ended", "revoked"):
            call(name, WHAT[name], tokens[name])
        history.refused = desk.revoked()
        desk.reset()
        rehearsal.dismiss()  # another process
        rehearsal.rescue(SAME)
        mine = call("used", "the first token", tokens["first"])
        newer = call("used newer", "its successor", mine.token or "none")
        call("reused", "the first token again", tokens["first"])
        history.revoked = desk.revoked()
        call("after", "the newest token, after that", newer.token or "none")
        call("bystander", "a token of the customer's other device", tokens["other"])
        old = call("old", "a token of another customer", tokens["long ago"])
        newest = call("old newer", "its successor, 29 days later", old.token or "none", LATER)
        call(
            "old again",
            "her first token again, which has run out since",
            tokens["long ago"],
            TOO_LATE,
        )
        call("old after", "her newest token, after that", newest.token or "none", TOO_LATE)
        rehearsal.dismiss()

        def afterwards(run: Run) -> None:
            given = [r.value for r in run.replies if r is not None and r.ok and isinstance(r.value, str)]
            for token in given:
                used.append(rehearsal.rescue(Part("refresh", CONN, token, NOW)).ok)

        used: list[bool] = []

        def observe() -> dict[str, Any]:
            seen, used[:] = list(used), []
            return {"new tokens that still work": sum(seen)}

        history.together = rehearsal.play(
            "two calls with one token",
            [Part("refresh", CONN, tokens["first"], NOW), Part("refresh", CONN, tokens["first"], NOW)],
            reset=desk.reset,
            recover=afterwards,
            observe=observe,
            max_runs=80,
        )
        history.unrelated = rehearsal.play(
            "two devices",
            [Part("refresh", CONN, tokens["first"], NOW), Part("refresh", CONN, tokens["other"], NOW)],
            reset=desk.reset,
            max_switches=1,
        )
    return history
