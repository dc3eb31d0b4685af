"""The scenes of `close_the_hole`: logins as they are meant, attacks, and codes entered at the same moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from grader.checks.authentication.second_step import ADA, BOB, DRIVER, MALLORY, SCHEMA
from grader.checks.authentication.served import Served, refused
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables
from grader.instruments.callers import Exchange
from grader.instruments.clock import START, VirtualClock
from grader.instruments.explore import Caller, Exploration, Run, Stage, explore
from grader.instruments.serve import socket_in
from grader.instruments.steps import Journal
from grader.verdict import Evidence

OPEN = """
def __open__(listener, url, clock):
    return __serve__(listener, "__shop__", url, clock, close_the_hole)
"""
FULL_WIDTH = {ord("0") + n: 0xFF10 + n for n in range(10)}
MOST_RUNS = 40
MOST_GUESSES = 5
IDS = {ADA: 11, BOB: 12, MALLORY: 13}


@dataclass
class Try:
    """One form sent in, and whose account it opened ("" for nobody's)."""

    name: str
    family: str
    reply: Exchange
    who: str

    def line(self) -> list[str]:
        return [self.name, self.reply.trouble or self.reply.line(), self.who or "nobody"]


@dataclass
class History:
    logins: list[tuple[Try, str]] = field(default_factory=list)  # with who must be in
    attacks: list[Try] = field(default_factory=list)
    odd: list[Try] = field(default_factory=list)
    same: Exploration | None = None  # one code, twice at the same moment
    guesses: Exploration | None = None  # two wrong codes at the same moment
    last: list[tuple[Run, Run]] = field(default_factory=list)  # the right code and a wrong one, for one guess

    def table(self, rows: list[Try]) -> Evidence:
        columns = ["form", "reply", "who is in"]
        return Evidence("table", "What was sent", {"columns": columns, "rows": [t.line() for t in rows]})


class Door:
    """The shop with the learner's second step. Tickets are made by the judge's hand."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        self.answer, self.folder, self.clock = answer, bench.scratch(), VirtualClock()
        self.random = bench.random("codes")
        self.database = bench.database("empty")
        people = (f"INSERT INTO public.customers VALUES ({n}, '{e}', 'x', 'y')" for e, n in IDS.items())
        self.tables = Tables(self.database, SCHEMA, ";".join(people))
        self._count = 0
        self._codes: set[str] = set()

    def code(self) -> str:
        """One that no ticket has had, nor the one after it: no code may be another's, or another's wrong one."""
        while (code := f"{self.random.randrange(10**5, 10**6)}") in self._codes or wrong(code) in self._codes:
            pass
        self._codes.update((code, wrong(code)))
        return code

    def place(self, url: str = "", journal: Journal | None = None) -> Served:
        self._count += 1
        path = socket_in(self.folder, f"d{self._count}")
        args = (url or self.database.url(), self.clock.serve(self.folder, f"d{self._count}"))
        return Served(self.answer, path, driver=DRIVER + OPEN, start="__open__", args=args, journal=journal)

    def ticket(self, email: str = ADA, code: str = "", guesses: int = 0) -> dict[str, Any]:
        """A new ticket, as the form that goes with it."""
        self._count += 1
        name = f"ticket-{self._count}-{self.random.randrange(10**9)}"
        code = code or self.code()
        self.tables.write(
            "INSERT INTO public.tickets VALUES (%s, %s, %s, %s, %s)",
            name,
            IDS[email],
            code,
            START + timedelta(seconds=self.clock.monotonic()),
            guesses,
        )
        return {"ticket": name, "email": email, "code": code}

    def send(self, place: Served, form: Any) -> tuple[Exchange, str]:
        reply = place.ask("POST", "/code", json=form)
        said = reply.json()
        if not reply.ok or not isinstance(said, dict):
            return reply, ""
        page = place.ask("GET", "/account", headers={"Authorization": f"Bearer {said.get('session')}"})
        account = page.json()
        who = account.get("email") if page.ok and isinstance(account, dict) else None
        return reply, str(who or "an account that is none")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def logins(door: Door, place: Served, history: History) -> bool:
    def send(what: str, form: dict[str, Any], who: str = ADA) -> None:
        history.logins.append((Try(what, "", *door.send(place, form)), who))

    def guess(form: dict[str, Any], times: int) -> dict[str, Any]:
        for _ in range(times):
            door.send(place, {**form, "code": wrong(form["code"])})
        return form

    send("Ada's ticket and code", door.ticket())
    place.refuse_stub(history.logins[0][0].reply)
    if history.logins[0][0].who != ADA:
        return False
    send("Bob's ticket and code", door.ticket(BOB), BOB)
    send("a code that begins with zeros", door.ticket(code="004217"))
    send("the right code after four wrong ones", guess(door.ticket(), MOST_GUESSES - 1))
    form = door.ticket()
    door.clock.advance(9 * 60)
    send("a code of 9 minutes ago", form)
    guess(door.ticket(), MOST_GUESSES)
    send("a new ticket of Ada's, after another was guessed at too often", door.ticket())
    return True


def attacks(door: Door, place: Served, history: History) -> None:
    def send(family: str, what: str, form: Any) -> None:
        history.attacks.append(Try(what, family, *door.send(place, form)))

    send("address", "Mallory's ticket and code with Ada's address", {**door.ticket(MALLORY), "email": ADA})
    hers, his = door.ticket(), door.ticket(MALLORY)
    send("code", "Ada's ticket with the code of Mallory's", {**hers, "code": his["code"]})
    for what, of in (
        ("an empty code", lambda code: ""),
        ("null for a code", lambda code: None),
        ("the first digit of the code", lambda code: code[0]),
        ("all digits of the code but the last", lambda code: code[:-1]),
        ("a text with many codes, the right one among them", lambda code: f"{wrong(code)} {code} 000000"),
        ("a list with the right code in it", lambda code: [wrong(code), code]),
        ("six digits as a number", int),
        ("its code with a space after it", lambda code: f"{code} "),
        ("its code with the end of a line after it", lambda code: f"{code}\n"),
        ("its code in full-width digits", lambda code: code.translate(FULL_WIDTH)),
        ("six underscores for a code", lambda code: "______"),
        ("a percent sign for a code", lambda code: "%"),
    ):
        form = door.ticket()
        send("code", what, {**form, "code": of(form["code"])})
    for what, code in (("its code without the zeros before it", "3518"), ("its code as a number", 3518)):
        send("code", what, {**door.ticket(code="003518"), "code": code})
    for what, named in (
        ("its ticket in capitals", str.upper),
        ("its ticket with a space after it", lambda ticket: f"{ticket} "),
    ):
        form = door.ticket()
        send("code", what, {**form, "ticket": named(form["ticket"])})
    form = door.ticket()
    del form["code"]
    send("code", "no code at all", form)
    form = door.ticket()
    door.send(place, form)
    send("once", "a ticket and its code again", form)
    form = door.ticket()
    door.clock.advance(11 * 60)
    send("time", "a code of 11 minutes ago", form)
    form = door.ticket()
    for _ in range(MOST_GUESSES):
        door.send(place, {**form, "code": wrong(form["code"])})
    send("guesses", "the right code after five wrong ones", form)
    for what, form in (
        ("an empty form", {}),
        ("a ticket that is none", {"ticket": "x", "email": ADA, "code": "000000"}),
        ("a ticket with a NUL character", {"ticket": "x\x00y", "email": ADA, "code": "000000"}),
        ("null for a ticket", {"ticket": None, "email": ADA, "code": "000000"}),
        ("a list for a ticket", {"ticket": ["x"], "email": ADA, "code": "000000"}),
        ("an object for a ticket", {"ticket": {"x": 1}, "email": ADA, "code": "000000"}),
    ):
        history.odd.append(Try(what, "odd", *door.send(place, form)))
    history.odd += [a for a in history.attacks if a.family == "code"]


def at_once(door: Door, checker: Served) -> tuple[Exploration, Exploration]:
    """Two forms with one ticket at the same moment, in two processes: the right code twice, a wrong one twice."""
    journal, form = Journal(), [door.ticket()]
    urls = door.database.url(), door.database.url("admin")

    def begin(right: bool) -> Any:
        def sent(place: Served, url: str) -> Any:
            code = form[0]["code"]
            return place.client.start(
                "POST", "/code", json={**form[0], "code": code if right else wrong(code)}
            )

        return sent

    def entered(run: Run) -> str:
        odd = next((r for r in run.replies if r is not None and not r.ok and not refused(r)), None)
        if odd is not None:
            return f"one of the two forms was answered {odd.line()}"
        count = sum(r is not None and r.ok for r in run.replies)
        return "" if count == 1 else f"the code let {count} in"

    def guessed(run: Run) -> str:
        odd = next((r for r in run.replies if r is not None and not refused(r)), None)
        if odd is not None:
            return f"a wrong code was answered {odd.line()}"
        who = door.send(checker, form[0])[1]
        return "after three wrong codes and two at once, the right one still works" if who else ""

    with Stage(*urls, callers=2, folder=str(door.folder)) as stage:

        def scene(right: bool, guesses: int) -> Exploration:
            def reset() -> None:
                form[0] = door.ticket()
                for _ in range(guesses):
                    door.send(checker, {**form[0], "code": wrong(form[0]["code"])})

            def caller(lane: int) -> Caller:
                return Caller(lambda: door.place(stage.url(lane), journal), begin(right))

            return explore(
                stage,
                [caller(1), caller(2)],
                reset=reset,
                invariant=entered if right else guessed,
                symmetric=[(1, 2)],
                reduce=True,
                max_runs=MOST_RUNS,
                stop=lambda run: bool(run.problem),
            )

        found = scene(True, 0), scene(False, MOST_GUESSES - 2)
    return found
