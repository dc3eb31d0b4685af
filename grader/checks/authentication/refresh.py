"""`refresh`: each refresh token works once, and showing one twice ends all that came of it."""

from __future__ import annotations

from datetime import timedelta

from grader.checks.authentication.guessing import long_and_unlike
from grader.checks.authentication.refresh_desk import SEEDS, History, digest
from grader.checks.authentication.refresh_scenes import WHAT, play
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import (
    all_end,
    blame,
    covered,
    holds,
    left_open,
    refused,
)
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply
from grader.instruments.clock import START
from grader.instruments.explore import Run

LIFETIME = timedelta(days=30)


@lab.exercise(
    "refresh",
    points=4,
    read="08-authentication: Refresh tokens",
    coverage=lambda h: f"{len(h.calls)} calls one after the other; {covered(*h.scenes)}",
    hints=(
        "A thief and the owner hold the same refresh token, and both will use it. What will you see, and whom can you "
        "believe?",
        "Whether a token is unused must be decided in the moment it is marked as used; and what an exception rolls "
        "back, a revocation too, has not happened.",
        "One UPDATE that marks the unused token and says whether it found it; if it did not, find out why, revoke the "
        "family if the token had been used, commit, and only then raise.",
    ),
)
def refresh(answer: Answer, bench: Bench) -> History:
    return play(answer, bench)


@refresh.property(
    weight=0,
    misconception="What is not committed when the call returns is rolled back by whoever gets the connection next.",
)
def gives_a_successor(history: History) -> Ruling:
    """A good token gives a new one of the same family, which works in its turn."""
    for key in ("first", "second", "third"):
        call = history.calls.get(key)
        if call is None:
            return unknown("An earlier call never came back.")
        if not call.token:
            return fail(
                f"{call.what}: a new token",
                f"the call {call.said()}",
                evidence=[history.table("first", "second", "third")],
            )
        if left_open(call.reply):
            return fail("a successor that is stored", "the transaction was still open and was rolled back")
    made = [history.calls[k].token for k in ("first", "second", "third")]
    return len(set(made)) == 3 or fail(
        "another text every time", f"{len(set(made))} different in three calls"
    )


@refresh.property(
    needs=["gives_a_successor"],
    misconception="A token that can be guessed needs no thief, and one that is computed from its predecessor is known to whoever "
    "stole that: it has to come from the system's randomness.",
)
def cannot_be_guessed(history: History) -> Ruling:
    """A successor is long, random, and neither its predecessor nor other tokens tell it."""
    for process in (("first", "second", "third", "ending"), ("used", "used newer", "bystander", *OLD)):
        made = [token for key in process if (token := history.calls[key].token)]
        if made and (ruling := long_and_unlike(made, "tokens")) is not True:
            return ruling
    one, other = history.calls["first"].token, history.calls["used"].token
    if not other:
        return unknown("The same token was not exchanged in another process.")
    return one != other or fail(
        "another successor from another process",
        "the same again, for the same token, where `random` had the same seed and the clock showed the same time",
    )


@refresh.property(
    needs=["gives_a_successor"],
    misconception="Who reads the table, a backup or a log must not be able to log in with what stands there.",
)
def only_hashes_stored(history: History) -> Ruling:
    """The table holds the new token's SHA-256, with its family and its end, and the token stands nowhere."""
    if history.readable:
        return fail(
            "the SHA-256 of the token, and nowhere the token",
            f"the token itself stands in {history.readable}",
        )
    for key, end in (("first", LIFETIME), ("ending", timedelta(days=7))):
        call = history.calls[key]
        row = call.rows.get(digest(call.token))
        if row is None:
            return fail("a row with the SHA-256 of the new token", f"{call.what}: there is none", NOTHING)
        if row != (SEEDS[key][0], (START + end).isoformat()):
            return fail(
                f"{call.what}: its family {SEEDS[key][0]}, until {START + end:%Y-%m-%d %H:%M}",
                f"family {row[0]}, until {row[1]}",
                "A successor lives for 30 days, but never longer than its family. " + CLOCK,
            )
    return True


NOTHING = "Stored must be what the next call looks for: the hexadecimal SHA-256 of the token's text."


@refresh.property(
    needs=["gives_a_successor"],
    misconception="The row alone is no admission: it has an end, its family has one, and either may be over. "
    + CLOCK,
)
def refuses_what_is_over(history: History) -> Ruling:
    """What is unknown or over, or of an ended or revoked family, is refused with a typed error and revokes nothing."""
    shown = [history.table("unknown", "empty", "expired", "ended", "revoked")]
    for key in ("unknown", "empty", "expired", "ended", "revoked"):
        call = history.calls[key]
        if not refused(call.reply):
            return fail(
                f"{call.what}: InvalidToken, or an error of your own",
                f"the call {call.said()}",
                evidence=shown,
            )
    for key in ("expired", "ended"):
        if since := history.refused.get(SEEDS[key][0]):
            return fail(
                f"{WHAT[key]}, shown for the first time: its family is not revoked",
                f"revoked since {since:%Y-%m-%d %H:%M}",
                "A device that was switched off for too long is no thief: it must log in again, and nobody need be told.",
                shown,
            )
    return True


OLD = ("old", "old newer", "old again", "old after")


@refresh.property(
    needs=["gives_a_successor"],
    misconception="Of two who show one token one is a thief, and nobody can say which: all tokens that came of it must "
    "die. An exception inside a transaction takes the revocation back.",
)
def reuse_ends_the_family(history: History) -> Ruling:
    """A used token is refused, and from then on every token of its family; other families go on."""
    shown = [history.table("used", "used newer", "reused", "after", "bystander", *OLD)]
    for key in ("used", "used newer", "old", "old newer"):
        if not history.calls[key].token:
            return unknown("The token was not exchanged, so it could not be used again.", shown)
    for key in ("reused", "after", "old again", "old after"):
        call = history.calls[key]
        if not refused(call.reply):
            return fail(f"{call.what}: refused", f"the call {call.said()}", evidence=shown)
    since = history.revoked.get(SEEDS["first"][0])
    if since != START:
        return fail(
            f"revoked_at of the family: {START:%Y-%m-%d %H:%M}, the moment of the reuse",
            f"{since:%Y-%m-%d %H:%M}" if since else "none",
            "Those who look after the customer see only what is written down. " + CLOCK,
            shown,
        )
    other = history.calls["bystander"]
    return bool(other.token) or fail(
        f"{other.what}: a new token",
        f"the call {other.said()}",
        "The other device has its own family, and nothing to do with the theft.",
        shown,
    )


@refresh.property(
    needs=["gives_a_successor"],
    misconception="Between looking whether a token is unused and marking it, another call looks too.",
)
def one_successor(history: History) -> Ruling:
    """Two calls with one token never give two new ones, under any schedule."""
    if history.together is None:
        return unknown("The calls were not made at the same moment.")
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return holds([history.together], doubled, expected="one new token at most")


@refresh.property(
    needs=["reuse_ends_the_family", "one_successor"],
    misconception="Who comes second at the same moment is a reuse like any other, and an answer of the database is not "
    "one of yours: the loser is refused, and the family ends.",
)
def race_is_reuse(history: History) -> Ruling:
    """Of two calls with one token the loser is refused properly, and the winner's new token dies too."""
    if history.together is None:
        return unknown("The calls were not made at the same moment.")
    return holds([history.together], survived, expected="one refusal, and a family that is revoked")


@refresh.property(
    needs=["one_successor"],
    misconception="A lock on the whole table makes every customer wait for every other.",
)
def others_go_on(history: History) -> Ruling:
    """Calls for different families do not wait for each other, and both succeed."""
    if history.unrelated is None:
        return unknown("The calls were not made at the same moment.")
    return holds([history.unrelated], disturbed, expected="two new tokens without waiting")


def given(run: Run) -> list[Reply]:
    return [r for r in run.replies if r is not None and r.ok]


def doubled(run: Run) -> str:
    return "one token gave two new ones" if len(given(run)) > 1 else ""


def survived(run: Run) -> str:
    for number, reply in enumerate(run.replies, 1):
        if not (reply is not None and reply.ok) and not refused(reply):
            return f"T{number} {blame(reply)}"
    return "the winner's new token still works" if run.state["new tokens that still work"] else ""


def disturbed(run: Run) -> str:
    for wait in run.waits:
        return f"{wait.waiter} had to wait for {', '.join(wait.holders)}"
    return next((f"T{n} {blame(r)}" for n, r in enumerate(run.replies, 1) if r is None or not r.ok), "")
