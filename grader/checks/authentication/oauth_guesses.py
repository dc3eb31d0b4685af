"""Whether somebody can make up a session of `oauth_callback` who knows its code, its addresses and other sessions."""

from __future__ import annotations

from dataclasses import replace

from grader.checks.authentication.browser import Browser
from grader.checks.authentication.oauth_scenes import History, query
from grader.checks.authentication.oauth_site import Login, Site
from grader.checks.running import Answer, Bench

SAME = 11  # what `random` is seeded with, here and there; another than for what is asked of a provider


def first_login(site: Site, browser: Browser) -> Login:
    """Alice's, at the beginning of the clock, with `random` in a known state."""
    site.app.worker.call("__seed__", SAME)
    return site.log_in(browser, site.home)


def guesses(
    answer: Answer, bench: Bench, site: Site, first: Login, browser: Browser, history: History
) -> None:
    """first: what `first_login` gave, in that browser."""
    names = _needed(site, browser)

    def session(login: Login) -> str:
        return "; ".join(login.cookies.get(name, "") for name in names)

    history.sessions = [session(login) for _, login, who in history.logins if login.who == who]
    address = query(first.returned)
    made_up = {number: number for number in "123"}
    made_up |= {f"the {name} of Alice's login": address.get(name, "none") for name in ("state", "code")}
    for what, value in made_up.items():
        kept = {name: replace(browser.jar[name], value=value) for name in names}
        who = site.who(Browser(browser.client, browser.clock, kept))
        if who is not None and not history.guessed:
            history.guessed = f"{what}, as a cookie: logged in as {who[1]}"
    with Site(answer, bench) as other:
        history.elsewhere = session(first_login(other, other.browser()))


def _needed(site: Site, browser: Browser) -> list[str]:
    """The cookies without which nobody is logged in; the browser forgets all others."""
    who = site.who(browser)
    for name in list(browser.jar):
        fewer = {other: kept for other, kept in browser.jar.items() if other != name}
        without = Browser(browser.client, browser.clock, fewer)
        if site.who(without) == who:
            browser.jar = without.jar
    return list(browser.jar)
