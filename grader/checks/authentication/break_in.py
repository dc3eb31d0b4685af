"""`break_in`: an exploit that opens the shop with the hole, and knows when it stands before the other one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.second_step import ADA, BOB, DRIVER, HOLE, MALLORY, PASSWORD, SCHEMA
from grader.checks.authentication.served import DRIVER as SERVING
from grader.checks.authentication.unit import lab
from grader.checks.exercise import NotAnswered, Ruling, fail
from grader.checks.running import Answer, Bench, Reply, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments.clock import VirtualClock
from grader.instruments.serve import socket_in
from grader.verdict import Evidence

FEW = 50  # requests to one shop
MOST = 80  # after which a shop lets nobody in
# The codes of a shop begin with one of these digits: one that is guessed once and for all is wrong in some shop.
SHOPS = {"open": "12345", "second open": "6789", "closed": "123456789"}
# The other twin remembers for itself what was handed out, and believes nothing that it is told besides.
TWINS = (
    HOLE
    + """
__handed_out__ = {}


def __hand_out__(ticket, code, customer):
    __handed_out__[ticket] = (code, customer)


def __closed__(conn, form, clock):
    given = form.get("ticket"), form.get("code")
    if not all(isinstance(g, str) for g in given):
        return None
    code, customer = __handed_out__.pop(given[0], (None, None))
    return customer if code == given[1] else None


__apps__ = {}


def __twin__(name, url, clock, codes, most, mailed):
    decide = __closed__ if name == "closed" else check_code
    app = __shop__(url, clock, decide, __hand_out__, codes, most, mailed)
    __apps__[name] = app
    return app


def __asked__(name):
    return __apps__[name].state.asked[0]
"""
)
CLIENT = """
def __break_in__(path):
    import httpx

    transport = httpx.HTTPTransport(uds=path, verify=False)
    with httpx.Client(transport=transport, base_url="http://shop.example", trust_env=False, timeout=10) as client:
        return break_in(client)
"""


@dataclass
class Attempt:
    """One shop, and what the exploit said of it. asked: requests the shop got."""

    reply: Reply
    asked: int

    @property
    def said(self) -> str:
        if self.reply.error is not None:
            return f"raised {self.reply.error.type}: {self.reply.error.message}"[:160]
        return "did not come back" if self.reply.ended else f"returned {self.reply.value!r}"[:160]


@dataclass
class History:
    note: str  # Ada's
    own: str  # Mallory's
    attempts: dict[str, Attempt] = field(default_factory=dict)

    def table(self) -> Evidence:
        rows = [[f"the {name} shop", a.said, a.asked] for name, a in self.attempts.items()]
        return Evidence("table", "The shops", {"columns": ["", "break_in", "requests"], "rows": rows})


@lab.exercise(
    "break_in",
    points=3,
    read="08-authentication: Break in, then close the hole",
    coverage=lambda h: f"{len(h.attempts)} shops, {len(h.attempts) - 1} with the hole and one without",
    hints=(
        "Three things arrive in one form. Which of them does the function check against each other, and which does it "
        "simply believe?",
        "Log in as Mallory by the book and look at each value you send in the second step: what would happen if one of "
        "them were somebody else's?",
        "First step as yourself, then the second with your own ticket and code and with the address you want to be; then "
        "ask the account who you are, and return its note only if it is hers.",
    ),
)
def break_in(answer: Answer, bench: Bench) -> History:
    random = bench.random("notes")
    note, own = (f"{word}-{random.randrange(10**9):09}" for word in ("gift", "debt"))
    database, folder, clock = bench.database("empty"), bench.scratch(), VirtualClock()
    people = (ADA, 1, note, "x"), (BOB, 2, "none", "y"), (MALLORY, 3, own, PASSWORD)
    offset = random.randrange(100, 9000)
    Tables(
        database,
        SCHEMA,
        ";".join(
            f"INSERT INTO public.customers VALUES ({n + offset}, '{email}', "
            f"'{word if email == MALLORY else random.randrange(10**12)}', '{text}')"
            for email, n, text, word in people
        ),
    )
    history = History(note, own)
    with clock:
        shops = answer.helper(SERVING + DRIVER + TWINS)
        burglar = answer.spawn(driver=CLIENT)
        told = clock.serve(folder, "shops")
        for name, digits in SHOPS.items():
            path = socket_in(folder, name.replace(" ", "-"))
            codes = [f"{random.choice(digits)}{random.randrange(10**5):05}" for _ in range(MOST)]
            mailed = [f"0{random.randrange(10**5):05}"]  # no code of the shop's begins like this one
            args = (name, database.url(), told, codes, MOST, mailed)
            opened = shops.call("__serve__", Resource("listener", path), "__twin__", *args)
            if not opened.ok or not opened.value["ok"]:
                raise RuntimeError(f"the {name} shop does not start: {opened}")
            history.attempts[name] = _attempt(burglar, shops, name, path)
        for worker in (burglar, shops):
            worker.kill()
    return history


def _attempt(burglar: Worker, shops: Worker, name: str, path: str) -> Attempt:
    reply = burglar.call("__break_in__", path)
    if reply.error is not None and reply.error.kind == "not_answered":
        raise NotAnswered
    asked: Any = shops.call("__asked__", name).value
    return Attempt(reply, int(asked))


@break_in.property(
    misconception="To be let in is not enough: the session you got may be your own. /account says whose it is.",
)
def gets_in(history: History) -> Ruling:
    """In a shop with the hole it returns the note in Ada's account, whatever the codes are."""
    opened = [a for name, a in history.attempts.items() if name != "closed"]
    attempt = next((a for a in opened if not a.reply.ok or a.reply.value != history.note), None)
    if attempt is None:
        return True
    why = ""
    if attempt.asked > FEW:
        why = "A million codes are too many to try; the hole is one that needs no luck."
    elif attempt.reply.ok and attempt.reply.value != history.own:
        why = "What opens the account stands in the function: it believes something that it should look up."
    return fail("the note of ada@example.com", attempt.said, why, [history.table()])


@break_in.property(
    needs=["gets_in"],
    misconception="An exploit that says it worked when it did not sends people to mend what is whole.",
)
def knows_when_it_fails(history: History) -> Ruling:
    """In the shop without the hole it returns None."""
    attempt = history.attempts["closed"]
    if attempt.reply.ok and attempt.reply.value is None:
        return True
    return fail("None, and no error", attempt.said, evidence=[history.table()])


@break_in.property(
    needs=["gets_in"],
    misconception="Whoever tries passwords or codes by the hundred is seen, and locked out, long before he is in.",
)
def needs_few_requests(history: History) -> Ruling:
    """Each shop gets 50 requests at most."""
    most = max(a.asked for a in history.attempts.values())
    return most <= FEW or fail(f"at most {FEW} requests to a shop", f"{most}", evidence=[history.table()])
