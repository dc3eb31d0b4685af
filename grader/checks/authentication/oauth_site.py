"""A shop that lets people in who are known elsewhere: two providers, the app between them, and browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc.jwk import ECKey, RSAKey

from grader.checks.authentication.browser import Browser
from grader.checks.authentication.served import Served
from grader.checks.running import Answer, Bench
from grader.checks.virtual_time import DRIVER as SWAP
from grader.instruments.callers import Exchange
from grader.instruments.clock import VirtualClock
from grader.instruments.oidc import OpenIdProvider, path_and_query
from grader.instruments.serve import socket_in

REDIRECT = "https://shop.example/callback"
HOME, PARTNER = "http://id.home.example", "http://id.partner.example"
DRIVER = """
_still = [False]
NANOSECONDS = ("time_ns", "monotonic_ns", "perf_counter_ns")


def __stand_still__(still):
    _still[0] = still


def __open__(listener, clock, homes):
    import httpx, time
    from grader.instruments.answer_clock import connect

    def machine(read, moment):
        return lambda: moment if _still[0] else read()

    # Not the monotonic clock in seconds: timers of the server's own run by it.
    second = 1_790_000_000
    nanoseconds = {name: machine(getattr(time, name), second * 10**9) for name in NANOSECONDS}
    __swap__(time, time=machine(time.time, float(second)), **nanoseconds)

    class Nowhere(httpx.BaseTransport):
        def handle_request(self, request):
            raise httpx.ConnectError(f"nobody answers at {request.url.host}", request=request)

    http = httpx.Client(
        transport=Nowhere(),
        mounts={h["issuer"]: httpx.HTTPTransport(uds=h["socket"], verify=False) for h in homes.values()},
        trust_env=False,
    )
    providers = {n: {k: v for k, v in h.items() if k != "socket"} for n, h in homes.items()}
    return __serve__(listener, "oauth_callback", providers, http, connect(clock))
"""
Who = tuple[str, str]  # issuer, subject


class Provider(OpenIdProvider):
    """With keys of its own.

    claims_instead: what its ID tokens say besides or instead; None is left out. key_instead: what signs them.
    """

    def __init__(self, name: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, algorithm="ES256", require_pkce=False, **more)
        self.lane = name
        self.keys = []
        self.claims_instead: dict[str, Any] = {}
        self.key_instead: RSAKey | ECKey | None = None
        self.new_key()

    def new_key(self) -> None:
        """Signs with a key that nobody has fetched yet; the old one stays in the set."""
        named = {"kid": f"{self.lane}-{len(self.keys) + 1}", "use": "sig", "alg": "ES256"}
        self.keys.insert(0, ECKey.generate_key("P-256", parameters=named))  # type: ignore[arg-type]

    def id_claims(self, *args: Any, **more: Any) -> dict[str, Any]:
        claims = {**super().id_claims(*args, **more), **self.claims_instead}
        return {name: value for name, value in claims.items() if value is not None}

    def mint(
        self, key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        if self.key_instead is not None:
            key, header = self.key_instead, {"kid": self.key_instead.kid}
        return super().mint(key, header, **claims)


@dataclass
class Login:
    """One login: its steps, and who is logged in afterwards.

    sent: the query of the redirect to the provider. returned: the path that the provider sent the browser to.
    cookies: what the browser had in the end.
    """

    begun: Exchange
    sent: dict[str, str]
    back: Exchange | None = None
    who: Who | None = None
    returned: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """What the app did, for a reader."""
        if not self.sent:
            return f"/login: {self.begun.trouble or self.begun.line()}"
        if self.back is None:
            return "the provider refused the request"
        ending = f"logged in as {self.who[1]} of {self.who[0]}" if self.who else "nobody is logged in"
        return f"/callback: {self.back.trouble or self.back.line()}; {ending}"


class Site:
    """home and partner are the providers' names in the app's routes."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        folder = bench.scratch()
        self.clock = VirtualClock()
        self.home = Provider("home", folder, issuer=HOME, clock=self.clock)
        self.partner = Provider("partner", folder, issuer=PARTNER, clock=self.clock)
        homes = {}
        for idp in (self.home, self.partner):
            known = idp.register(f"shop-at-{idp.lane}", redirect_uris=(REDIRECT,))
            homes[idp.lane] = {
                "issuer": idp.issuer,
                "client_id": known.id,
                "client_secret": known.secret,
                "socket": idp.socket("app"),
            }
        clock = self.clock.serve(folder, "app")
        path = socket_in(folder, "app")
        self.app = Served(answer, path, driver=SWAP + DRIVER, start="__open__", args=(clock, homes))

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exc: object) -> None:
        self.app.kill()
        for idp in (self.home, self.partner):
            idp.close()
        self.clock.close()

    @contextmanager
    def alike(self, seed: int) -> Iterator[None]:
        """Meanwhile chance and the machine's clock are in a state in which another process can be as well."""
        self.app.worker.call("__seed__", seed)
        self.app.worker.call("__stand_still__", True)
        yield
        self.app.worker.call("__stand_still__", False)

    def browser(self, other: Browser | None = None) -> Browser:
        """A new one, with the cookies of another if that is given."""
        return Browser(self.app.client, self.clock, dict(other.jar) if other else {})

    def begin(self, browser: Browser, idp: Provider, headers: dict[str, str] | None = None) -> Login:
        reply = browser.get(f"/login/{idp.lane}", headers=headers)
        to = urlsplit(reply.headers.get("location", ""))
        right = (
            300 < reply.status < 400 and f"{to.scheme}://{to.netloc}{to.path}" == f"{idp.issuer}/authorize"
        )
        return Login(reply, {k: v[0] for k, v in parse_qs(to.query).items()} if right else {})

    def consent(self, idp: Provider, login: Login, user: str = "alice") -> str:
        """The path the browser is sent to when `user` agrees; "" where the provider refuses the request."""
        try:
            return path_and_query(idp.consent(f"{idp.issuer}/authorize?{urlencode(login.sent)}", user=user))
        except ValueError:
            return ""

    def finish(self, browser: Browser, login: Login, path: str) -> Login:
        if path:
            login.back = browser.get(path, from_elsewhere=True)
            login.who = self.who(browser)
            login.returned = path
            login.cookies = {name: kept.value for name, kept in browser.jar.items()}
        return login

    def log_in(self, browser: Browser, idp: Provider, user: str = "alice", waiting: float = 0.0) -> Login:
        """All of it. waiting: seconds at the provider before the user agrees."""
        login = self.begin(browser, idp)
        self.clock.advance(waiting)
        return self.finish(browser, login, self.consent(idp, login, user) if login.sent else "")

    def who(self, browser: Browser) -> Who | None:
        """Whom the app takes this browser for."""
        said = browser.get("/me")
        value = said.json()
        if not said.ok or not isinstance(value, dict):
            return None
        return str(value.get("iss")), str(value.get("sub"))
