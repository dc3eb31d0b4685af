"""`verify_token`: whose word is taken for it, by which key, for whom and until when."""

from __future__ import annotations

from collections.abc import Callable

from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.authentication.verify_token_scenes import History, show_all
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


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
    return show_all(answer, bench)


@verify_token.property(
    weight=0,
    misconception="Safe is easy if nobody gets in; both of the issuer's algorithms are in use, and clocks differ. "
    + CLOCK,
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
