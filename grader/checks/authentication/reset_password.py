"""`reset_password`: a way back in for the owner of a mailbox, and for nobody else."""

from __future__ import annotations

from itertools import combinations

from grader.checks.authentication.reset_password_app import HOME, Shop
from grader.checks.authentication.reset_password_page import takes_markup
from grader.checks.authentication.reset_password_scenes import (
    SHORTEST,
    SPACED,
    VARIED,
    Asked,
    History,
    everybody_else,
    the_owner,
)
from grader.checks.authentication.reset_password_together import at_once
from grader.checks.authentication.served import refused
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import explored
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


@lab.exercise(
    "reset_password",
    points=6,
    read="08-authentication: Recovery",
    coverage=lambda h: "; ".join(
        [f"{len(h.asked)} requests"]
        + [
            f"{what}: {e.coverage}"
            for what, e in (("one link twice", h.schedules), ("two links", h.links))
            if e
        ]
    ),
    hints=(
        "Whoever can make a link, read one, or use one again owns the account. Through how many hands does a link go, "
        "and what does each of your replies tell somebody who only guesses addresses?",
        "Look at where the token comes from and what of it is kept, at who decides where the link leads and to whom it "
        "goes, and at which moment a link stops to be one: used, over, or overtaken.",
        "Mail a random token and keep its digest with an end; build the link from what you know, not from the request. "
        "Mark the link as used in the statement that finds it unused, and change password, links and sessions in that "
        "transaction. Answer before anything depends on whether the address is known.",
    ),
)
def reset_password(answer: Answer, bench: Bench) -> History:
    shop = Shop(answer, bench)
    history = History(address=shop.ada)
    with shop.clock:
        here, there = shop.place(), shop.place()
        if the_owner(shop, here, there, history):
            everybody_else(shop, here, there, history)
            history.schedules = at_once(shop, here, links=1)
            history.links = at_once(shop, here, links=2)
        for place in (here, there):
            place.kill()
    history.tokens = shop.tokens
    return history


NEVER = "It was not tried: no link ever changed a password."


def _still_shut(history: History, name: str) -> Ruling:
    """A link that must not work any more: refused, and the password is as before."""
    asked = history.asked.get(name)
    if asked is None or asked.before is None or asked.after is None:
        return unknown(NEVER)
    if refused(asked.exchange) and asked.after.password == asked.before.password:
        return True
    return fail(
        f"{asked.what}: refused (4xx), and the password stays",
        f"{asked.exchange.trouble or asked.exchange.line()}; the password is {asked.after.password!r}",
        evidence=[history.table("link", "reset", name)],
    )


@reset_password.property(misconception="First of all the owner must get back in, and only she be touched.")
def lets_the_owner_in(history: History) -> Ruling:  # noqa: PLR0911 - one line a step
    """The owner gets a link, opens it as often as she likes, and sets a new password, up to half an hour later."""
    link, reset = history.asked.get("link"), history.asked.get("reset")
    if link is None or not link.exchange.ok or not link.mails:
        return fail("2xx and a mail with a link", _told(link), evidence=[history.table("link")])
    if link.before != link.after:
        return fail(
            "the password and the sessions stay as they are until the link is used",
            "asking for a link changed them",
            "Anybody can ask for a link, for any address: asking must not cost the owner anything.",
            [history.table("link")],
        )
    for page in history.of("page"):
        if not page.exchange.ok:
            return fail(f"{page.what}: 200", _told(page), evidence=[history.table("page first")])
    if (short := history.asked.get("short")) is None or not refused(short.exchange):
        return fail("4xx for a password of 7 characters", _told(short), evidence=[history.table("short")])
    if reset is None or not reset.exchange.ok or not history.owner:
        return fail(
            "the link works, though it was opened twice and tried with too short a password",
            _told(reset),
            "Mail programs open links before their readers do, and people mistype: only a new password uses a link up.",
            [history.table("link", "page first", "page second", "short", "reset")],
        )
    if history.owner.password != "a new secret":
        return fail("password_hash holds what hash_password gave", f"it is of {history.owner.password!r}")
    later = history.asked.get("29 minutes")
    if (
        later is None
        or not later.exchange.ok
        or later.after is None
        or later.after.password != "a later secret"
    ):
        return fail(
            "a link that is 29 minutes old works", _told(later), evidence=[history.table("29 minutes")]
        )
    if history.neighbour is None or not history.neighbour.password.startswith("old"):
        return fail("Bob's password stays", "it was changed with Ada's")
    capitals = history.asked["capitals"]
    return bool(capitals.mails) or fail(
        f"{capitals.what}: a mail", "none", evidence=[history.table("capitals")]
    )


def _told(asked: Asked | None) -> str:
    if asked is None:
        return "it did not come to that"
    if asked.exchange.ok and not asked.mails and asked.exchange.path == "/forgot":
        return f"{asked.exchange.line()}, and no mail with a link with ?token="
    return asked.exchange.trouble or asked.exchange.line()


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="A password is taken as it is typed: bytes are no characters, nor are units of UTF-16, and spaces at its ends are some.",
)
def password_as_typed(history: History) -> Ruling:
    """A new password has at least 8 characters (not bytes or units of UTF-16, and spaces count), and is stored as it was typed."""
    spaced = history.asked.get("spaces")
    if spaced is None or spaced.after is None:
        return unknown(NEVER)
    for name in ("accents", "keys"):
        short = history.asked[name]
        if not refused(short.exchange):
            return fail(f"{short.what}: 4xx", _told(short), evidence=[history.table(name)])
    if not spaced.exchange.ok or spaced.after.password != SPACED:
        return fail(
            f"{spaced.what}: 2xx, and it is her password",
            f"{_told(spaced)}; the password is {spaced.after.password!r}",
            evidence=[history.table("spaces")],
        )
    return True


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="A link that still works after it was used is a second password, kept in a mailbox, a history and a log.",
)
def works_once(history: History) -> Ruling:
    """A link works once, and a new password makes all the customer's other links useless."""
    for name in ("replay", "older", *(n for n in ("newer",) if n in history.asked)):
        ruling = _still_shut(history, name)
        if ruling is not True:
            return ruling
    return True


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Both requests found the link unused before either had marked it: finding and marking must be one step.",
)
def works_once_under_all_schedules(history: History) -> Ruling:
    """Of two requests with one link at the same moment, one sets the password and the other is refused."""
    return explored(
        history.schedules,
        "one success, one refusal (4xx), and the password of the success",
        "Two requests with one link",
        never=NEVER,
        unanswered=fail("both requests are answered", "one was never answered"),
    )


@reset_password.property(
    needs=["works_once", "works_once_under_all_schedules"],
    misconception="Each has marked its own link and waits for the other's, or makes useless what it does not see in use: "
    "lock the customer's row first, and two links of one customer take turns.",
)
def two_links_under_all_schedules(history: History) -> Ruling:
    """Of two requests with two links of one customer at the same moment, one sets the password and the other is refused."""
    return explored(
        history.links,
        "one success, one refusal (4xx), and the password of the success",
        "Two requests with a link each",
        never=NEVER,
        unanswered=fail("both requests are answered", "one was never answered"),
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Mailboxes are kept for years: a link in one must be good for minutes. " + CLOCK,
)
def expires(history: History) -> Ruling:
    """After half an hour a link is worth nothing."""
    return _still_shut(history, "31 minutes")


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Who can tell how the next token comes about asks for a link for Ada and never needs her mailbox.",
)
def cannot_be_guessed(history: History) -> Ruling:
    """A token is drawn anew each time from the system's randomness, at least 22 characters of it."""
    if history.repeated:
        return fail(
            "another token every time",
            history.repeated,
            "random is made for simulations, and time and address are known to the attacker; secrets is made for this.",
        )
    shortest = min(history.tokens, key=len, default="")
    if len(shortest) < SHORTEST:
        return fail(f"a token of at least {SHORTEST} characters", f"{shortest!r}")
    for a, b in combinations(history.tokens, 2):
        same = sum(x == y for x, y in zip(a, b, strict=False))
        if len(a) == len(b) and len(a) - same < VARIED:
            return fail(
                f"tokens that differ in at least {VARIED} places", f"{a} and {b} differ in {len(a) - same}"
            )
    return True


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="A backup, a replica or an injection that only reads would hand out every open link: keep what can "
    "recognise a token, not the token.",
)
def hashed_at_rest(history: History) -> Ruling:
    """No token that was mailed stands in the database, plain or merely encoded."""
    return not history.readable or fail(
        "only a digest of the token in the database", f"a token can be read from {history.readable}"
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Whoever resets a password may do so because somebody else is logged in with the old one.",
)
def ends_sessions(history: History) -> Ruling:
    """A new password ends every session of this customer, and nobody else's."""
    assert history.owner and history.neighbour
    if history.owner.sessions:
        return fail(
            "no session of Ada is left", f"{history.owner.sessions} of her 2 sessions are still there"
        )
    return history.neighbour.sessions == 2 or fail(
        "Bob stays logged in", f"{2 - history.neighbour.sessions} of his 2 sessions were ended with Ada's"
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Every header comes from whoever sends the request. Ada clicks the link in the shop's own mail, and the "
    "attacker's server reads her token.",
)
def link_leads_home(history: History) -> Ruling:
    """Whatever the request says, every link in a mail begins with https://shop.example/reset?token=."""
    bad = [a for a in history.asked.values() if any(m.strays for m in a.mails)]
    if not bad:
        return True
    return fail(
        f"links to {HOME} alone",
        "; ".join(f"{a.what}: {next(m.strays[0] for m in a.mails if m.strays)}" for a in bad),
        evidence=[history.table(*(n for n, a in history.asked.items() if a in bad))],
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="The address in the request says whom to look for; where the mail goes is written in the customer's row.",
)
def mails_the_owner_only(history: History) -> Ruling:
    """A link goes to the address in the customer's row, and nowhere else."""
    for asked in history.of("pattern"):
        if asked.mails:
            return fail(
                f"{asked.what}: no mail",
                f"a mail to {', '.join(asked.mails[0].to)}",
                "In LIKE and ILIKE _ stands for any character and % for any number of them: an address is compared with =.",
                [history.table(*(n for n in history.asked if n.startswith("pattern")))],
            )
    owner = (history.address,)
    bad = [a for a in history.asked.values() if any(m.to != owner for m in a.mails)]
    if not bad:
        return True
    return fail(
        f"all mail goes to {history.address}, each with one receiver, and none to an address nobody has",
        "; ".join(f"{a.what}: to {', '.join(next(m.to for m in a.mails if m.to != owner))}" for a in bad),
        evidence=[history.table(*(n for n, a in history.asked.items() if a in bad))],
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Who is a customer is nobody's business: a list of addresses becomes a list of victims.",
)
def says_nothing_about_addresses(history: History) -> Ruling:
    """The reply is the same whether or not a customer has the address, also while no mail can be sent."""
    for prefix in ("", "down "):
        known, unknown_ = history.asked.get(f"{prefix}known"), history.asked.get(f"{prefix}unknown")
        if known is None or unknown_ is None:
            return unknown(NEVER)
        a, b = _face(known), _face(unknown_)
        if a != b:
            return fail(
                f"one reply to both: {known.what}; {unknown_.what}",
                f"{known.exchange.line()}; {unknown_.exchange.line()}"
                + (
                    "" if known.exchange.line() != unknown_.exchange.line() else " (other headers or cookies)"
                ),
                evidence=[history.table(f"{prefix}known", f"{prefix}unknown")],
            )
        if not known.exchange.ok:
            return fail("2xx to everybody", known.exchange.line())
    return True


def _face(asked: Asked) -> tuple[object, ...]:
    """What the caller sees; the address that was typed may be repeated."""
    seen = asked.exchange
    headers = {k: v for k, v in seen.headers.items() if k not in ("date", "set-cookie")}
    return (
        seen.status,
        seen.body.replace(asked.address.encode(), b"..."),
        headers,
        len(seen.cookies),
        seen.ended,
    )


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="All of the token is the secret, and what is none is an everyday thing: refused, without an error of the app.",
)
def refuses_properly(history: History) -> Ruling:
    """Whatever is sent in place of a token is refused with 4xx."""
    for asked in history.of("garbage"):
        if not refused(asked.exchange):
            return fail(f"{asked.what}: 4xx", _told(asked), evidence=[history.table("link", "reset")])
    return not history.garbage_works or fail("the password stays", "it was changed without a link")


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="The page's address holds the token; every picture and script it loads from elsewhere is told that address.",
)
def page_keeps_the_token(history: History) -> Ruling:
    """The page behind the link tells no other site the address it was opened at."""
    for page in history.of("page"):
        policy = page.exchange.headers.get("referrer-policy", "")
        if policy.lower().split(",")[-1].strip() not in ("no-referrer", "same-origin"):
            return fail("Referrer-Policy: no-referrer", f"Referrer-Policy: {policy or 'none'}")
    return True


@reset_password.property(
    needs=["lets_the_owner_in"],
    misconception="Whoever makes the link writes what stands in it. A page that repeats it as it came runs Mallory's script, "
    "with your address above it: escape it, or leave it out.",
)
def page_escapes_the_token(history: History) -> Ruling:
    """What stands in the page's address comes back escaped, or not at all."""
    page = history.asked.get("markup")
    if page is None:
        return unknown(NEVER)
    return not takes_markup(page.exchange) or fail(
        f"{page.what}: no part of it is a tag or an attribute of the page",
        "the page has <mallory> in it, as it could have a <script>",
    )
