"""A login with the authorization code flow, watched message by message on the real provider and the real app."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from grader.instruments.oidc import OpenIdProvider, path_and_query
from grader.instruments.standin import Request
from grader.notebook.site import Browser
from grader.notebook.stepping import Steps
from grader.show.sequence import sequence_svg, sequence_text

BROWSER, SHOP, PROVIDER = "browser", "shop", "provider"
_SHORT = {"code": "C", "state": "S", "nonce": "N", "code_challenge": "H", "code_verifier": "V"}


class _Names:
    """Random values by a letter each, so that the same value is the same letter wherever it is seen."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def of(self, name: str, value: str) -> str:
        if name not in _SHORT:
            return value
        taken = sum(letter[0] == _SHORT[name] for letter in self.known.values())
        return self.known.setdefault(value, _SHORT[name] + ("" if not taken else str(taken + 1)))

    def told(self, values: dict[str, str], *names: str) -> str:
        return " ".join(f"{n}={self.of(n, values[n])}" for n in names if n in values)


def watch_login(browser: Browser, idp: OpenIdProvider, user: str = "alice") -> dict[str, Any]:
    """Logs `user` in through /login and /callback of the app; what was sent, as data for `grader.show.sequence`."""
    names, steps = _Names(), list[dict[str, Any]]()

    def say(lane: str, to: str | None, text: str, result: str = "", state: str = "ok") -> None:
        steps.append({"lane": lane, "to": to, "text": text, "result": result, "state": state})

    asks = ("client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
    say(BROWSER, SHOP, "GET /login")
    there = browser.get("/login").headers["location"]
    asked = _query(there)
    say(SHOP, BROWSER, "302 to the provider", f"and a cookie; the shop keeps {_kept(asked, names)} with it")
    say(BROWSER, PROVIDER, "GET /authorize", names.told(asked, *asks))
    back = idp.consent(there, user=user)
    say(PROVIDER, None, f"{user.title()} logs in here, and agrees")
    say(PROVIDER, BROWSER, "302 to the redirect_uri", names.told(_query(back), "code", "state", "iss"))
    say(BROWSER, SHOP, "GET /callback", names.told(_query(back), "code", "state", "iss") + ", and the cookie")
    before, exchanged = len(idp.requests), len(idp.exchanges)
    reply = browser.get(path_and_query(back))
    for request in idp.requests[before:]:
        say(SHOP, PROVIDER, f"{request.method} {request.path}", _sent(request, names))
        if request.path == "/token":
            outcome = idp.exchanges[exchanged].outcome
            good = outcome == "200"
            if good and "code_challenge" in asked:
                say(PROVIDER, None, "C is fresh, it was given to this client, and H is the SHA-256 of V")
            say(PROVIDER, SHOP, "200: an ID token and an access token" if good else outcome, "",
                "ok" if good else "error")  # fmt: skip
        else:
            say(PROVIDER, SHOP, "200: the public keys")
    say(SHOP, BROWSER, f"{reply.status} {reply.body.decode('utf-8', 'replace')[:60]}")
    return {"lanes": [BROWSER, SHOP, PROVIDER], "steps": steps, "broken_at": None, "conclusion": ""}


def sequence_steps(data: dict[str, Any]) -> Steps:
    """A sequence to step through."""
    return Steps(data, sequence_svg, sequence_text)


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _kept(asked: dict[str, str], names: _Names) -> str:
    letters = [names.of(n, asked[n]) for n in ("state", "nonce") if n in asked]
    return ", ".join([*letters, *(["V"] if "code_challenge" in asked else [])])


def _sent(request: Request, names: _Names) -> str:
    told = names.told(request.form(), "grant_type", "code", "code_verifier")
    return told + (", and the client's secret" if "authorization" in request.headers else "")
