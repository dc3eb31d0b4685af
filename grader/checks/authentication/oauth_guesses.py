"""Whether somebody can make up a session of `oauth_callback` who knows its code, its addresses and other sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grader.checks.authentication.browser import Browser
from grader.checks.authentication.derived import derived
from grader.checks.authentication.oauth_scenes import History, query
from grader.checks.authentication.oauth_site import Login, Site
from grader.checks.running import Answer, Bench

SAME = 11  # what `random` is seeded with, here and there; another than for what is asked of a provider
ON_THE_WAY = ("state", "nonce", "code_challenge", "code")  # in the addresses that a login goes through
ELSEWHERE = "the cookie that another process gave Alice, with other secrets, at the same time and with `random` in the same state"


def first_login(site: Site, browser: Browser) -> Login:
    """Alice's, at the beginning of the clock, with `random` in a known state and the machine's clock at a known moment."""
    with site.alike(SAME):
        return site.log_in(browser, site.home)


def guesses(
    answer: Answer, bench: Bench, site: Site, first: Login, browser: Browser, history: History
) -> None:
    """first: what `first_login` gave, in that browser."""
    history.needed = _needed(site, browser)
    history.exposed = not any(browser.jar[name].closed for name in history.needed)
    history.calculated = _calculated(site, first.sent)

    def guess(what: str, values: Mapping[str, str]) -> None:
        made_up = {n: replace(browser.jar[n], value=values.get(n, "none")) for n in history.needed}
        who = site.who(Browser(browser.client, browser.clock, made_up))
        if who is not None and not history.guessed:
            history.guessed = f"{what}, as a cookie: logged in as {who[1]}"

    address = query(first.returned)
    for number in "123":
        guess(number, dict.fromkeys(history.needed, number))
    for name in ("state", "code"):
        guess(f"the {name} of Alice's login", dict.fromkeys(history.needed, address.get(name, "none")))
    known = {f"the {n}": t for n, t in (first.sent | address).items() if n in ON_THE_WAY}
    made = {n: derived(browser.jar[n].value, known) for n in history.needed}
    if all(made.values()):
        guess(f"{next(iter(made.values()), '')} of Alice's login", {n: browser.jar[n].value for n in made})
    with Site(answer, bench) as other:
        guess(ELSEWHERE, first_login(other, other.browser()).cookies)


def _calculated(site: Site, sent: Mapping[str, str]) -> dict[str, str]:
    """Of a login's parameters those that another one tells, and how; "code_challenge" stands for its verifier."""
    state, nonce = {"the state": sent.get("state", "")}, {"the nonce": sent.get("nonce", "")}
    verifier = next((e.verifier for e in site.home.exchanges), "")
    ways = {
        "state": derived(sent.get("state", ""), nonce),
        "nonce": derived(sent.get("nonce", ""), state),
        "code_challenge": derived(verifier, state | nonce),
    }
    return {parameter: how for parameter, how in ways.items() if how}


def _needed(site: Site, browser: Browser) -> list[str]:
    """The cookies without which nobody is logged in; the browser forgets all others."""
    who = site.who(browser)
    for name in list(browser.jar):
        fewer = {other: kept for other, kept in browser.jar.items() if other != name}
        without = Browser(browser.client, browser.clock, fewer)
        if site.who(without) == who:
            browser.jar = without.jar
    return list(browser.jar)
