"""The scenes of `reset_password` that come one after the other: the owner, and everybody else."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.checks.authentication.reset_password_app import Mail, Row, Shop
from grader.checks.authentication.reset_password_guesses import repeated
from grader.checks.authentication.reset_password_page import MARKUP
from grader.checks.authentication.served import Served
from grader.instruments.callers import Exchange
from grader.instruments.explore import Exploration
from grader.verdict import Evidence

MINUTE = 60.0
SHORTEST = 22  # characters of a token
VARIED = (
    8  # places in which two tokens differ at least: of 22 that are drawn nearly all do, of ten digits even
)
ATTACKER = "mallory@evil.example"
EVIL = "evil.example"
HOSTS = {
    "Host": {"Host": EVIL},
    "X-Forwarded-Host": {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "http"},
    "Forwarded": {"Forwarded": f"host={EVIL};proto=http"},
    "Origin and Referer": {"Origin": f"https://{EVIL}", "Referer": f"https://{EVIL}/forgot"},
}
SHORT = "kürzér7"  # 7 characters in 9 bytes
KEYS = "\U0001f511" * 7  # 7 characters in 14 units of UTF-16
SPACED = " 8 chars"  # 8 characters, 7 without the space
PADDED = {"a space before it": " {}", "the end of a line after it": "{}\n", "= after it": "{}="}
WILDCARDS = {"_": "_da{}", "%": "a%{}"}  # what stands for other letters in LIKE: Ada's address as a pattern
GARBAGE = ("", "x", "' OR '1'='1", "a\x00b", "z" * 9000)


@dataclass
class Asked:
    """One request and what came of it."""

    what: str
    exchange: Exchange
    mails: list[Mail] = field(default_factory=list)
    before: Row | None = None
    after: Row | None = None
    address: str = ""  # the one that was typed

    def line(self) -> list[str]:
        sent = "; ".join(f"to {', '.join(m.to)}: {' '.join(m.links) or 'no link'}" for m in self.mails)
        return [self.what, self.exchange.trouble or self.exchange.line(), sent]


@dataclass
class History:
    asked: dict[str, Asked] = field(default_factory=dict)
    address: str = ""  # Ada's
    owner: Row | None = None  # Ada, after her reset
    neighbour: Row | None = None  # Bob, after Ada's
    readable: str = ""
    tokens: list[str] = field(default_factory=list)
    repeated: str = ""  # what a request got when chance was made to repeat itself, if no new token
    garbage_works: bool = False  # something in place of a token changed the password
    schedules: Exploration | None = None  # two requests with one link
    links: Exploration | None = None  # two requests with a link each, both the same customer's

    def table(self, *names: str) -> Evidence:
        rows = [a.line() for name, a in self.asked.items() if name in names]
        return Evidence("table", "Requests", {"columns": ["request", "reply", "mail"], "rows": rows})

    def of(self, prefix: str) -> list[Asked]:
        return [a for name, a in self.asked.items() if name.startswith(prefix)]


def the_owner(shop: Shop, here: Served, there: Served, history: History) -> bool:
    """Ada's way back in, and what is left of her links. False where it never worked."""
    asked, ada = history.asked, shop.ada

    def link(name: str, what: str, place: Served = here, email: str = ada) -> str:
        before = shop.customer(ada)
        reply, mails = shop.forgot(place, email)
        asked[name] = Asked(what, reply, mails, before, shop.customer(ada))
        return mails[0].token if mails else ""

    def use(name: str, what: str, token: str, password: str) -> None:
        before = shop.customer(ada)
        asked[name] = Asked(what, shop.reset(there, token, password), [], before, shop.customer(ada))

    older = link("link", "a link for Ada")
    here.refuse_stub(asked["link"].exchange)
    if not older:
        return False
    shop.clock.advance(MINUTE)
    token = link("capitals", "a link for Ada, her address in capitals", here, ada.upper()) or older
    for visit in ("first", "second"):
        page = there.ask("GET", "/reset", params={"token": token})
        there.refuse_stub(page)
        asked[f"page {visit}"] = Asked(f"her link is opened, the {visit} time", page)
    use("short", "a new password of 7 characters", token, "short 7")
    history.readable = shop.readable()
    use("reset", "a new password by that link", token, "a new secret")
    there.refuse_stub(asked["reset"].exchange)
    history.owner, history.neighbour = shop.customer(ada), shop.customer(shop.bob)
    if asked["reset"].exchange.ended or history.owner.password != "a new secret":
        return False
    use("replay", "the link is used again", token, "the thief's secret")
    if older != token:
        use("older", "an older link, after the password was changed", older, "the thief's secret")
    early = link("early link", "a link for Ada")
    shop.clock.advance(MINUTE)
    newer = link("newer link", "a newer link for Ada")
    use("early", "a new password by the earlier of two links", early, "a second secret")
    if early != newer and asked["early"].exchange.ok:  # a newer link may be the end of the older one
        use(
            "newer",
            "the newer link, after the password was changed by an older one",
            newer,
            "the thief's secret",
        )
    late = link("late link", "another link for Ada")
    shop.clock.advance(29 * MINUTE)
    use("29 minutes", "a link that is 29 minutes old", late, "a later secret")
    late = link("too late link", "another link for Ada")
    shop.clock.advance(31 * MINUTE)
    use("31 minutes", "a link that is 31 minutes old", late, "the thief's secret")
    late = link("typed link", "another link for Ada")
    use("accents", f"a new password of 7 characters in 9 bytes, {SHORT!r}", late, SHORT)
    use("keys", f"a new password of 7 characters, {KEYS!r}", late, KEYS)
    use("spaces", f"a new password of 8 characters, {SPACED!r}", late, SPACED)
    return True


def everybody_else(shop: Shop, here: Served, there: Served, history: History) -> None:
    """Those who are not Ada."""
    asked, ada, stranger = history.asked, shop.ada, shop.stranger

    def forgot(name: str, what: str, email: object, mails: int = 0, **more: object) -> list[Mail]:
        reply, sent = shop.forgot(here, email, mails, **more)
        asked[name] = Asked(what, reply, sent, address=str(email))
        return sent

    forgot("known", "a link for Ada", ada, 1)
    forgot("unknown", "a link for an address nobody has", stranger)
    for sign, pattern in WILDCARDS.items():
        address = pattern.format(ada.removeprefix("ada"))
        forgot(f"pattern {sign}", f"a link for {address}, an address nobody has", address)
    for name, headers in HOSTS.items():
        forgot(f"host {name}", f"a link for Ada, with {EVIL} in {name}", ada, 1, headers=headers)
    forgot("list", "a link for a list of addresses: Ada's and the attacker's", [ada, ATTACKER])
    forgot("comma", "a link for two addresses with a comma: Ada's and the attacker's", f"{ada},{ATTACKER}")
    for place in (here, there):
        place.worker.call("__mail_is_down__", True)
    forgot("down known", "a link for Ada, while the mail server is down", ada, 1)
    forgot("down unknown", "a link for an address nobody has, while the mail server is down", stranger)
    for place in (here, there):
        place.worker.call("__mail_is_down__", False)
    history.repeated = repeated(shop, here)
    before = shop.customer(ada)
    one, two = (mails[0].token if mails else "" for mails in (shop.forgot(here, ada)[1] for _ in range(2)))
    mixed = one[: len(one) // 2] + two[len(one) // 2 :]
    if mixed not in (one, two):  # of tokens that differ in one half alone that is another property's matter
        what = "one link's first half, another's second"
        asked["garbage half"] = Asked(what, shop.reset(there, mixed, "the thief's secret"))
    for number, text in enumerate(GARBAGE):
        what = f"the token {text[:12]!r}" + (f" ({len(text)} characters)" if len(text) > 12 else "")
        asked[f"garbage {number}"] = Asked(what, shop.reset(there, text, "the thief's secret"))
    for what, pattern in PADDED.items() if two else ():
        padded = shop.reset(there, pattern.format(two), "the thief's secret")
        asked[f"garbage {what}"] = Asked(f"a token that is good, with {what}", padded)
    history.garbage_works = shop.customer(ada) != before
    page = there.ask("GET", "/reset", params={"token": MARKUP})
    asked["markup"] = Asked(f"the page, at /reset?token={MARKUP}", page)
