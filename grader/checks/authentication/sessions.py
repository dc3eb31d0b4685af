"""`sessions`: who is logged in is for the server to say, from the login to the end, and for nobody to guess or keep."""

from __future__ import annotations

from grader.checks.authentication.guessing import long_and_unlike
from grader.checks.authentication.sessions_app import Venue
from grader.checks.authentication.sessions_old_cookies import come_back
from grader.checks.authentication.sessions_scenes import (
    LONGEST,
    MADE_UP,
    NEVER,
    Browsing,
    History,
    as_time_goes_by,
    at_once,
    come_in,
    go_out,
)
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import explored
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


@lab.exercise(
    "sessions",
    points=6,
    read="08-authentication: Sessions and cookies",
    coverage=lambda h: "; ".join(
        filter(None, [f"{len(h.asked)} requests", str(h.schedules.coverage) if h.schedules else ""])
    ),
    hints=(
        "Somebody has the text of a cookie: from a log, from a shared computer, or because the browser got it from them. "
        "For how long is it worth something, and who can end that?",
        "What the browser keeps is only a name; what it is the name of, since when and until when, stands on the server. A "
        "login starts another life: under which name, and what becomes of the old one?",
        "Draw a new id at each login and keep its digest with account, beginning and last use; end what the browser had "
        "before. Let one conditional UPDATE find the session and move its last use, so that it cannot bring one back.",
    ),
)
def sessions(answer: Answer, bench: Bench) -> History:
    venue, history = Venue(answer, bench), History()
    try:
        browsing = Browsing(venue, history)
        if come_in(venue, browsing):
            go_out(venue, browsing)
            come_back(venue, browsing)
            as_time_goes_by(venue, browsing)
            history.schedules = at_once(venue, browsing.here)
            if history.schedules.counterexample is None:
                history.everywhere = at_once(venue, browsing.here, "/logout-everywhere")
    finally:
        venue.close()
    return history


@sessions.property(weight=0, misconception="What one process remembers, another does not know.")
def logs_in(history: History) -> Ruling:
    """The right password gives a cookie with which every process knows who it is; anything else is answered 401."""
    entered, wrong = history.asked["login"], history.asked.get("wrong")
    if not entered.exchange.ok or not entered.cookie:
        return fail(
            "Ada logs in: 2xx and a cookie __Host-session",
            entered.exchange.trouble
            or f"{entered.exchange.line()}, cookies: {'; '.join(entered.exchange.cookies) or 'none'}",
        )
    if wrong is None or wrong.exchange.status != 401:
        return fail("a wrong password: 401", wrong.exchange.line() if wrong else "no reply")
    return history.seen("plain")


@sessions.property(
    needs=["logs_in"], misconception="A cookie is text from a stranger: it names a session, or it names none."
)
def refuses_whatever_else(history: History) -> Ruling:
    """Whatever else is sent as the cookie is answered 401, and no server error."""
    return history.seen("garbage")


@sessions.property(
    needs=["logs_in"],
    misconception="Each flag closes a way out: Secure the plain wire, HttpOnly the page's scripts, SameSite other sites' "
    "requests, and a Domain opens it to every neighbour.",
)
def cookie_is_locked_in(history: History) -> Ruling:
    """The cookie is Secure, HttpOnly, SameSite, of this host and path alone, and ends within 12 hours."""
    cookie = history.asked["login"].cookie
    assert cookie
    flags = cookie.flags
    for name in ("secure", "httponly"):
        if name not in flags:
            return fail(f"the flag {name.title().replace('only', 'Only')}", cookie.text)
    if flags.get("samesite", "").lower() not in ("lax", "strict"):
        return fail("SameSite=Lax or SameSite=Strict", cookie.text)
    if flags.get("path") != "/" or "domain" in flags:
        return fail("Path=/ and no Domain, as the name __Host- promises", cookie.text)
    age = flags.get("max-age", "0")
    return (age.isdigit() and int(age) <= LONGEST) or fail(
        f"a Max-Age of at most {LONGEST}, or none", cookie.text
    )


@sessions.property(
    needs=["logs_in"],
    misconception="Whoever guesses an id is that customer: it has to come from the system's randomness, not from `random`, a "
    "clock or a counter.",
)
def cannot_be_guessed(history: History) -> Ruling:
    """An id is long, random, and says nothing about another one."""
    one, other = history.repeated
    if one == other or not other:
        again = "the same again" if other else f"no cookie ({history.repetition})"
        return fail(
            "another id at every login",
            f"{again}, where `random` had the same seed and no time had passed",
            "What `random` gives follows from its seed, and can be computed from some of it: ids come from `secrets`.",
        )
    return long_and_unlike([i for i in history.ids if i])


@sessions.property(
    needs=["logs_in"],
    misconception="Who reads a backup, or the server's memory, would be logged in as everybody.",
)
def only_a_hash_kept(history: History) -> Ruling:
    """What the server keeps does not tell the id."""
    return not history.readable or fail("a hash of the id", f"the id itself stands in {history.readable}")


@sessions.property(
    needs=["logs_in"],
    misconception="Whoever planted the id in the browser knows it: if it lives on after the login, they are logged in too.",
)
def new_id_at_login(history: History) -> Ruling:
    """Every login gets an id of its own, whatever the browser brings, and what it brought is over."""
    for name in ("planted", "swapped", "again"):
        if not history.asked[name].exchange.ok:
            return fail(f"{history.asked[name].what}: 2xx", history.asked[name].exchange.line())
    ids = [i for i in history.ids if i]
    if len(set(ids)) < len(ids) or MADE_UP in ids or len(ids) < len(history.ids):
        return fail("a new id at every login", "a login that set no cookie, or one that was known before")
    return history.seen("fixed")


@sessions.property(
    needs=["logs_in"],
    misconception="A browser that forgets the cookie has logged nobody out: somebody else may have it too, and what is signed "
    "stays valid until it runs out.",
)
def logout_ends_it(history: History) -> Ruling:
    """After the logout the id is worth nothing in any process, and the browser drops it; other sessions go on."""
    out = history.asked["logout"]
    if not out.exchange.ok:
        return fail("Ada logs out: 2xx", out.exchange.trouble or out.exchange.line())
    ruling = history.seen("ended")
    if ruling is not True:
        return ruling
    if (
        out.cookie is None
        or not out.cookie.removes
        or out.cookie.flags.get("path") != "/"
        or "secure" not in out.cookie.flags
    ):
        return fail(
            "a Set-Cookie that removes __Host-session: Max-Age=0, Path=/ and Secure, or browsers ignore it",
            out.cookie.text if out.cookie else "none",
        )
    for name in ("logout nobody", "logout again"):
        other = history.asked[name].exchange
        if not other.ok and other.status != 401:
            return fail(f"{history.asked[name].what}: 2xx or 401", other.trouble or other.line())
    return True


@sessions.property(
    needs=["logout_ends_it"],
    misconception="Whoever lost a telephone has no cookie to show for it: the server must know which sessions are whose.",
)
def logout_everywhere(history: History) -> Ruling:
    """All sessions of the account end at once, and nobody else's; a new login works."""
    out = history.asked["all"]
    if not out.exchange.ok:
        return fail("Ada logs out everywhere: 2xx", out.exchange.trouble or out.exchange.line())
    return history.seen("gone")


@sessions.property(
    needs=["logs_in"],
    misconception="Half an hour counts from the last request, and what has ended is not begun anew by asking. "
    + CLOCK,
)
def ends_when_idle(history: History) -> Ruling:
    """A session ends half an hour after its last request, and not before."""
    return history.seen("idle")


@sessions.property(
    needs=["logout_ends_it", "ends_when_idle"],
    misconception="Old cookies lie about in logs, backups and other people's browsers: whoever can log a customer out with one "
    "can do it every minute.",
)
def old_cookies_do_nothing(history: History) -> Ruling:
    """Whatever is asked with the cookie of a session that has ended, the account's other sessions go on."""
    return history.seen("old")


@sessions.property(
    needs=["ends_when_idle"],
    misconception="A thief keeps a session busy too: without an end counted from the login it lasts for ever.",
)
def ends_in_any_case(history: History) -> Ruling:
    """However busy, a session ends 12 hours after the login."""
    return history.seen("absolute")


@sessions.property(
    needs=["logout_ends_it"],
    misconception="Reading a session and writing it back with another end is two steps: a logout in between is undone.",
)
def logout_wins(history: History) -> Ruling:
    """A page and a logout at the same moment leave no session, under any schedule of Postgres and Redis."""
    for found, title in (
        (history.schedules, "A page and a logout"),
        (history.everywhere, "A page and a logout everywhere"),
    ):
        unanswered = unknown("A request was never answered, so the schedules were not explored.")
        expected = "the cookie is answered 401 from then on"
        ruling = explored(found, expected, title, never=NEVER, unanswered=unanswered)
        if ruling is not True:
            return ruling
    return True
