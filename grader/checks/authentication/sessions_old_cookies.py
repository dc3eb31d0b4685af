"""A scene of `sessions`: cookies of sessions that have ended, and what somebody asks with them."""

from __future__ import annotations

from collections.abc import Callable

from grader.checks.authentication.sessions_app import Venue, jar, login
from grader.checks.authentication.sessions_scenes import MINUTE, Browsing
from grader.instruments.callers import Exchange


def come_back(venue: Venue, browsing: Browsing) -> None:
    """Each is asked with a cookie of its own, since the first request may be all that an old one does."""
    ada, bob = venue.accounts
    here, enter = browsing.here, browsing.enter
    asks: dict[str, Callable[[str], Exchange]] = {
        "a page": lambda cookie: here.ask("GET", "/me", headers=jar(cookie)),
        "a logout": lambda cookie: here.ask("POST", "/logout", headers=jar(cookie)),
        "a logout everywhere": lambda cookie: here.ask("POST", "/logout-everywhere", headers=jar(cookie)),
        "Bob's login": lambda cookie: login(here, bob, jar(cookie)),
    }

    for how in ("was logged out", "has run out"):
        old = {what: enter(f"before {how} {what}", "Ada logs in", ada) for what in asks}
        if how == "was logged out":
            for cookie in old.values():
                here.ask("POST", "/logout", headers=jar(cookie))
        else:
            venue.clock.advance(35 * MINUTE)
        fresh = enter(f"before {how}", "Ada logs in again", ada)
        for what, ask in asks.items():
            with_it = f"{what} with the cookie of a session that {how}"
            browsing.keep(f"asked {how} {what}", with_it, ask(old[what]))
            browsing.me(f"old {how} {what}", f"Ada's new session, after {with_it}", fresh, ada[2])
