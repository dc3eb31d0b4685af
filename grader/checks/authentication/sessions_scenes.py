"""The scenes of `sessions`: logging in and out, time that goes by, and a logout at the moment of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.altered import altered
from grader.checks.authentication.served import Served
from grader.checks.authentication.sessions_app import Cookie, Venue, cookie_of, jar, login
from grader.checks.exercise import Ruling, fail, unknown
from grader.instruments.callers import Exchange
from grader.instruments.explore import Caller, Exploration, Run, Stage, explore
from grader.instruments.joining import join
from grader.verdict import Evidence

MINUTE = 60.0
LONGEST = 12 * 3600  # seconds
MOST_RUNS = 40
MADE_UP = "0123456789abcdefghijklmnopqrstuv"


@dataclass
class Asked:
    """One request. account: whose session the reply must be about, 0 for nobody's."""

    what: str
    exchange: Exchange
    account: int = 0
    cookie: Cookie | None = None

    @property
    def seen_as(self) -> int:
        """The account that the reply is about, 0 if it is 401."""
        told = self.exchange.json()
        id = told.get("id") if isinstance(told, dict) and self.exchange.status == 200 else None
        return id if type(id) is int else 0 if self.exchange.status == 401 else -1

    def line(self) -> list[str]:
        return [
            self.what,
            self.exchange.trouble or self.exchange.line(),
            self.cookie.text[:100] if self.cookie else "",
        ]


@dataclass
class History:
    asked: dict[str, Asked] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)  # what was in the cookies of logins
    repeated: list[str] = field(default_factory=list)  # the same when chance was made to repeat itself
    repetition: str = ""  # how the last of those was answered
    readable: str = ""
    schedules: Exploration | None = None  # a page and a logout
    everywhere: Exploration | None = None  # a page and a logout everywhere

    def table(self, prefix: str) -> Evidence:
        rows = [a.line() for name, a in self.asked.items() if name.startswith(prefix)]
        return Evidence("table", "Requests", {"columns": ["request", "reply", "cookie"], "rows": rows})

    def seen(self, prefix: str, why: str = "") -> Ruling:
        """Whether all requests of a series were answered for whom they must be."""
        found = [a for name, a in self.asked.items() if name.startswith(prefix)]
        if not found:
            return unknown(NEVER)
        for one in found:
            if one.seen_as != one.account:
                expected = f"200 with the id {one.account}" if one.account else "401"
                happened = one.exchange.trouble or one.exchange.line()
                return fail(f"{one.what}: {expected}", happened, why, [self.table(prefix)])
        return True


NEVER = "It was not tried: nobody could log in."


class Browsing:
    """Requests of browsers, which keep the cookie that a page renews. A cookie names its browser by its first value."""

    def __init__(self, venue: Venue, history: History) -> None:
        self.here, self.there = venue.place(), venue.place()
        self.history = history
        self._newest: dict[str, str] = {}

    def jar(self, cookie: str) -> dict[str, bytes]:
        return jar(self._newest.get(cookie, cookie))

    def keep(self, name: str, what: str, exchange: Exchange, account: int = 0) -> Asked:
        found = self.history.asked[name] = Asked(what, exchange, account, cookie_of(exchange))
        return found

    def enter(self, name: str, what: str, account: list[Any], brought: str = "") -> str:
        """A login; what it set as the cookie."""
        found = self.keep(name, what, login(self.here, account, self.jar(brought)))
        value = found.cookie.value if found.cookie and not found.cookie.removes else ""
        self.history.ids.append(value)
        return value

    def me(self, name: str, what: str, cookie: str, account: int = 0, place: Served | None = None) -> None:
        found = self.keep(
            name, what, (place or self.there).ask("GET", "/me", headers=self.jar(cookie)), account
        )
        if found.cookie and not found.cookie.removes and found.seen_as > 0:
            self._newest[cookie] = found.cookie.value


def come_in(venue: Venue, browsing: Browsing) -> bool:
    """Logins, and what is none. Returns whether anybody gets in."""
    history, here, me, enter = browsing.history, browsing.here, browsing.me, browsing.enter
    ada, bob = venue.accounts
    mine = enter("login", "Ada logs in", ada)
    here.refuse_stub(history.asked["login"].exchange)
    if not history.asked["login"].exchange.ok or not mine:
        return False
    me("plain here", "Ada, in the same process", mine, ada[2], here)
    here.refuse_stub(history.asked["plain here"].exchange)
    me("plain there", "Ada, in another process", mine, ada[2])
    history.readable = venue.readable(mine)
    wrong = browsing.keep("wrong", "a login with a wrong password", login(here, [ada[0], "a guess", 0]))
    me("plain wrong", "what that login set as a cookie", wrong.cookie.value if wrong.cookie else "")
    me("plain nobody", "nobody's cookie", "")
    garbage = {
        "a made-up id": MADE_UP,
        "an id with a character changed": altered(mine),
        "half an id": mine[: len(mine) // 2],
        "an account's number": str(ada[2]),
        "SQL": "' OR '1'='1",
        "9,000 characters": "z" * 9000,
        "percent signs": "%00%ff*",
        "an id whose last letter is beyond ASCII": mine[:-1] + "é",
    }
    for number, (what, text) in enumerate(garbage.items()):
        me(f"garbage {number}", what, text)
    for _ in range(2):
        here.worker.call("__seed__", 7)
        reply = login(here, bob)
        cookie, history.repetition = cookie_of(reply), reply.trouble or reply.line()
        history.repeated.append(cookie.value if cookie else "")
    return True


def go_out(venue: Venue, browsing: Browsing) -> None:
    """Logins over other sessions, and logouts."""
    here, there, me, enter, keep = browsing.here, browsing.there, browsing.me, browsing.enter, browsing.keep
    ada, bob = venue.accounts
    planted = enter("planted", "Ada logs in with a cookie that somebody planted", ada, MADE_UP)
    me("fixed planted", "the planted cookie, after that login", MADE_UP)
    me("fixed own", "the cookie of that login", planted, ada[2])
    thief = enter("thief", "Mallory (as Bob) logs in", bob)
    swapped = enter("swapped", "Ada logs in with Mallory's cookie", ada, thief)
    me("fixed before", "Mallory's cookie, after Ada has logged in with it", thief)
    me("fixed swapped", "the cookie that Ada got", swapped, ada[2])
    enter("again", "Ada logs in once more in the same browser", ada, swapped)
    me("fixed again", "the cookie she had before that", swapped)

    mine, out = enter("mine", "Ada logs in", ada), enter("out", "Ada logs in in another browser", ada)
    other = enter("other", "Bob logs in", bob)
    keep("logout", "Ada logs out", here.ask("POST", "/logout", headers=browsing.jar(out)))
    me("ended mine", "her session in another browser", mine, ada[2])
    me("ended other", "Bob's session", other, bob[2])
    me("ended there", "her cookie, after the logout, in another process", out)
    me("ended here", "her cookie, after the logout, in the same process", out, 0, here)
    keep("logout nobody", "a logout without a session", here.ask("POST", "/logout"))
    keep("logout again", "the logout, once more", here.ask("POST", "/logout", headers=browsing.jar(out)))
    mine, hers = enter("one", "Ada logs in", ada), enter("two", "Ada logs in in another browser", ada)
    everywhere = there.ask("POST", "/logout-everywhere", headers=browsing.jar(hers))
    keep("all", "Ada logs out everywhere", everywhere)
    me("gone mine", "Ada's session in one browser", mine, 0, here)
    me("gone hers", "the session with which she did it", hers)
    me("gone other", "Bob's session", other, bob[2])
    fresh = enter("fresh", "Ada logs in again", ada)
    me("gone fresh", "her new session", fresh, ada[2])


def as_time_goes_by(venue: Venue, browsing: Browsing) -> None:
    ada, bob = venue.accounts
    me, enter = browsing.me, browsing.enter
    busy, idle = enter("at first", "Ada logs in", ada), enter("beside", "Bob logs in", bob)
    for number in (1, 2, 3):
        venue.clock.advance(25 * MINUTE)
        me(
            f"idle {number}",
            f"a request {25 * number} minutes after the login, 25 after the last one",
            busy,
            ada[2],
        )
    me("idle other", "a first request 75 minutes after the login", idle)
    venue.clock.advance(32 * MINUTE)
    me("idle late", "a request 32 minutes after the last one", busy)
    me("idle later", "and another at once", busy)
    lasting = enter("lasting", "Ada logs in", ada)
    for number in range(1, 27):  # until 11 h 42 min
        venue.clock.advance(27 * MINUTE)
        me(
            f"absolute {number}",
            f"a session that is used all the time, {27 * number} minutes after the login",
            lasting,
            ada[2],
        )
    venue.clock.advance(20 * MINUTE)
    me(
        "absolute end",
        "a session that was used all the time, 12 hours and 2 minutes after the login",
        lasting,
    )


def at_once(venue: Venue, here: Served, path: str = "/logout") -> Exploration:
    """A page and a logout with one cookie at the same moment, in two processes. path: of the logout."""
    ada = venue.accounts[0]
    cookie, afterwards = [""], [0]
    urls = venue.database.url(), venue.database.url("admin")
    with Stage(*urls, callers=2, folder=str(venue.folder)) as stage:
        joined = join(stage, venue.journal)

        def reset() -> None:
            joined.clear()
            venue.forget()
            found = cookie_of(login(here, ada))
            cookie[0] = found.value if found else ""
            venue.clock.advance(5 * MINUTE)  # so that even who seldom writes has something to write

        def caller(lane: int, method: str, path: str) -> Caller:
            def begin(place: Served, url: str) -> Any:
                return place.client.start(method, path, headers=jar(cookie[0]))

            # Before there is anything to be played, for building the app may use both servers.
            ready = [stage.unheld(lambda: venue.place(f"T{lane}", stage))]
            return Caller(lambda: ready.pop() if ready else venue.place(f"T{lane}", stage), begin)

        def recover(run: Run) -> None:
            afterwards[0] = here.ask("GET", "/me", headers=jar(cookie[0])).status

        found = explore(
            stage,
            [caller(1, "GET", "/me"), caller(2, "POST", path)],
            reset=reset,
            recover=recover,
            observe=lambda: afterwards[0],
            invariant=lives_on,
            reduce=True,
            max_runs=MOST_RUNS,
            stop=lambda run: bool(run.problem),
        )
        joined.end()
    return found


def lives_on(run: Run) -> str:
    """What is wrong with a page and a logout at the same moment. The state: the status of a page afterwards."""
    page, logout = run.replies
    if page is None or page.status not in (200, 401):
        return f"the page was answered {page.trouble or page.line() if page else 'nothing'}"
    if logout is None or not logout.ok:
        return f"the logout was answered {logout.trouble or logout.line() if logout else 'nothing'}"
    return "" if run.state == 401 else f"after the logout the cookie is still answered {run.state}"
