"""`verify_token`: whose word is taken for it, by which key, for whom and until when."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.forgery import Forgery, forged
from grader.checks.authentication.mint import Mint, Ours, key_set
from grader.checks.authentication.unit import lab
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.verdict import Evidence

START = 1_893_499_200  # 2030-01-01 12:00 UTC
PATIENCE = 10.0  # seconds for one series of tokens, a safety net

DRIVER = """
import builtins as _builtins, copy as _copy, datetime as _dt
from grader.instruments.answer_clock import local_clock as _local_clock
def __verify_all__(tokens, keys, moment):
    clock = _local_clock(_dt.datetime.fromtimestamp(moment, _dt.timezone.utc))
    replies = []
    for token in tokens:
        try:
            value = verify_token(token, _copy.deepcopy(keys), clock)
        except NotImplementedError:
            raise
        except Exception as error:
            bug = getattr(_builtins, type(error).__name__, None) is type(error) and not isinstance(error, ValueError)
            replies.append(["raised", type(error).__name__, bug])
        else:
            replies.append(["returned", dict(value) if isinstance(value, dict) else value, bool(value)])
    return replies
"""


@dataclass
class Shown:
    """One token that was shown. claims: what must be returned, None where it must be refused."""

    family: str
    name: str
    claims: dict[str, Any] | None
    reply: tuple[str, Any, bool] | None = None

    @property
    def let_in(self) -> bool:
        return self.reply is not None and self.reply[0] == "returned" and self.reply[2]

    def said(self) -> str:
        if self.reply is None:
            return "never came back"
        kind, value, _ = self.reply
        if kind == "raised":
            return f"raised {value}"
        return "let in" if isinstance(value, dict) and value else f"returned {value!r}"[:80]


@dataclass
class History:
    shown: list[Shown] = field(default_factory=list)
    ended: str = ""  # how a series ended that did not come back

    def of(self, family: str) -> list[Shown]:
        return [s for s in self.shown if s.family == family]

    def table(self, rows: list[Shown]) -> Evidence:
        data = {"columns": ["token", "outcome"], "rows": [[s.name, s.said()] for s in rows]}
        return Evidence("table", "Tokens shown", data)


def covered(history: History) -> str:
    ours = {s.name for s in history.of("ours")}
    useless = sum(s.claims is None for s in history.shown)
    return f"{useless} forged or useless tokens among {len(ours)} kinds of our own"


@lab.exercise(
    "verify_token",
    points=4,
    read="08-authentication: What a token says about itself",
    coverage=covered,
    hints=(
        "Everything in a token was written by whoever made it, its header too. Which of your decisions does the header "
        "take for you?",
        "A signature proves that the holder of one key wrote these bytes; not that the key is one of ours, nor that the "
        "token was written for you, nor that it still holds. Look at the key's entry for what it may be used for.",
        "Find the entry by kid among the given ones; let the entry say the algorithm and compare; verify with a library "
        "that is told the one algorithm allowed; then demand each claim, with its type, on the given clock. Turn every "
        "failure into one kind of error.",
    ),
)
def verify_token(answer: Answer, bench: Bench) -> History:
    mint = Mint(START)
    history = History()
    worker = answer.spawn(driver=DRIVER)
    keys = key_set()
    ours, attacks = mint.ours(), forged(mint)

    def show(tokens: list[Ours | Forgery], moment: int = START, without: str = "") -> None:
        rows = [
            Shown("unusual" if t.unusual else "ours", t.name, json.loads(json.dumps(t.claims)))
            if isinstance(t, Ours)
            else Shown(t.family, t.name, None)
            for t in tokens
        ]
        history.shown += rows
        if history.ended:
            return
        entries = tokens[0].entries
        gone = {without, *(e["kid"] for e in entries)}
        given = {"keys": [*(k for k in keys["keys"] if k["kid"] not in gone), *entries]}
        reply = worker.call("__verify_all__", [t.token for t in tokens], given, moment, timeout=PATIENCE)
        if not reply.ok or not isinstance(reply.value, list) or len(reply.value) != len(rows):
            history.ended = reply.ended or (reply.error.type if reply.error else "an unreadable reply")
            return
        for row, said in zip(rows, reply.value, strict=True):
            row.reply = (str(said[0]), said[1], said[2] is True)

    show(list(ours))
    mixed: list[Ours | Forgery] = [f for f in attacks if not (f.later or f.without or f.entries)]
    bench.random("order").shuffle(mixed)
    show(mixed)
    for attack in attacks:
        if attack.later or attack.without or attack.entries:
            show([attack], START + attack.later, attack.without)
    for one in mint.unusual():
        show([one])
    show(list(ours[:2]))  # what is ours still is, after all that
    return history


@verify_token.property(
    weight=0,
    misconception="Safe is easy if nobody gets in; both of the issuer's algorithms are in use, and clocks differ.",
)
def lets_ours_in(history: History) -> Ruling:
    """Every token of ours is accepted, and its claims are returned."""
    rows = history.of("ours")
    if history.ended:
        return fail("every token is answered", f"a series of tokens was not: {history.ended}")
    for row in rows:
        if row.reply is None or row.reply[0] != "returned" or row.reply[1] != row.claims:
            return fail(
                "the claims of a token of ours", f"{row.name}: {row.said()}", evidence=[history.table(rows)]
            )
    return True


@verify_token.property(
    needs=["lets_ours_in"],
    misconception="Refusing what looks odd shuts out some of ours: the set is as it stands at this call, a moment may have a "
    "fraction, and what the header says of other keys is no reason to believe it, nor to refuse.",
)
def lets_unusual_ones_in(history: History) -> Ruling:
    """A good token is good also by a new key, with fractions of a second, or with more in its header."""
    rows = history.of("unusual")
    if not rows or any(r.reply is None for r in rows):
        return unknown("Not every token of this kind was shown.")
    for row in rows:
        if row.reply is None or row.reply[0] != "returned" or row.reply[1] != row.claims:
            return fail(
                "the claims of a token of ours",
                f"one {row.name}: {row.said()}",
                evidence=[history.table(rows)],
            )
    return True


def stops(family: str, expected: str) -> Callable[[History], Ruling]:
    """A rule: no token of the family got in."""

    def rule(history: History) -> Ruling:
        rows = history.of(family)
        if not rows or any(r.reply is None for r in rows):
            return unknown("Not every token of this kind was shown.")
        inside = [r.name for r in rows if r.let_in]
        return not inside or fail(
            expected,
            f"{len(inside)} of {len(rows)} got in: {'; '.join(inside)}",
            evidence=[history.table(rows)],
        )

    return rule


@verify_token.property(
    needs=["lets_ours_in"],
    misconception="Decoding is not verifying: without a signature that fits, a token is a wish anybody may write down.",
)
def needs_our_signature(history: History) -> Ruling:
    """A token without a fitting signature is refused, whatever it calls its algorithm."""
    return stops("signature", "every token that our keys did not sign is refused")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="Whoever writes the token writes its alg. If that picks how the key is used, a public key becomes a "
    "shared secret that everybody knows.",
)
def key_says_the_algorithm(history: History) -> Ruling:
    """The key's entry decides the algorithm, not the token."""
    return stops("algorithm", "a key is used with the algorithm of its entry only")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="A key that the token brings, points to or talks you into proves that the forger has a key. kid is "
    "text from a stranger, and chooses among the keys you hold, by what they are for.",
)
def key_is_one_of_ours(history: History) -> Ruling:
    """Only keys of the given set count, for what they are meant, found by kid, and of sufficient size."""
    return stops("key", "every token not signed by the named, fit key of the set is refused")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="The issuer signs for many: a genuine token for somebody else, or of another kind, is no admission "
    "here. Names are equal or they are not; part of one is not enough.",
)
def meant_for_us(history: History) -> Ruling:
    """Issuer, audience, type and subject are those of an access token for this API."""
    return stops("meant for us", "every token that is not an access token for shop-api is refused")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="Many libraries check a time only if it is there, or on the machine's own clock; without exp a token "
    "is good for ever.",
)
def only_in_its_time(history: History) -> Ruling:
    """A token counts from its beginning until it runs out, give or take a minute, on the given clock."""
    return stops("time", "every token outside its time, or without an end, is refused")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="crit lists what a reader must understand to read the token at all: ignoring it is reading something "
    "else.",
)
def heeds_critical(history: History) -> Ruling:
    """A token with critical extensions is refused."""
    return stops("critical", "every token that demands an extension is refused")(history)


@verify_token.property(
    needs=["needs_our_signature"],
    misconception="Strangers send anything. What is not refused on purpose ends as an error 500, or as a None that "
    "somebody forgets to look at.",
)
def refuses_properly(history: History) -> Ruling:
    """Every refusal is a typed error, for garbage too, and nothing else leaves the function."""
    rows = [r for r in history.shown if r.claims is None]
    if any(r.reply is None for r in rows):
        return unknown("Not every token was shown.")
    garbage = [r for r in rows if r.family == "garbage"]
    for row in (*garbage, *rows):
        assert row.reply is not None
        got_in = row.let_in and row.family != "garbage"  # others speak of that
        if not got_in and (row.reply[0] != "raised" or row.reply[2]):
            return fail(
                "InvalidToken, an error of your own, or a ValueError",
                f"{row.name}: {row.said()}",
                evidence=[history.table(garbage if row in garbage else [row])],
            )
    return True
