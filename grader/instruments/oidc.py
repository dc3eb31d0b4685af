"""An OpenID provider that runs here: discovery, authorize, token with PKCE, JWKS, userinfo, real RSA and EC keys.

    with OpenIdProvider(bench.scratch(), clock=clock) as idp:
        shop = idp.register("shop", redirect_uris=("http://shop.test/callback",))
        worker.call("start_app", path, idp.socket("app"), idp.issuer, shop.id, shop.secret)
        sent = caller.request("GET", "/login")               # the app redirects to idp.issuer/authorize?...
        back = idp.consent(sent.headers["location"], user="alice")   # where the browser is sent: .../callback?code=..&state=..
        caller.request("GET", path_and_query(back))
        idp.asked[-1].state, idp.asked[-1].nonce, idp.asked[-1].challenge    # what the app asked for
        idp.exchanges[-1].outcome                            # "200", "invalid_grant: the code was used before", ...

The app reaches it with `grader.instruments.standin.client(path, idp.issuer)`, or at `idp.tcp_url("app")` made the
issuer by `OpenIdProvider(..., issuer=...)`.

Attacks: `idp.misbehave("wrong nonce")` makes the tokens that follow wrong in that one way (see `MISBEHAVIOURS`);
`idp.behave()` ends it. `idp.mint(**claims)` signs any token; `idp.consent(..., user)` twice gives two codes, so the
judge can inject one person's code into another's session; a second `OpenIdProvider` is the other side of a mix-up.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from grader.instruments.clock import VirtualClock
from grader.instruments.oidc_tokens import MISBEHAVIOURS, TOKEN_LIFETIME, TokenIssuer, b64url
from grader.instruments.standin import Request, Response
from grader.instruments.steps import Journal

__all__ = ["MISBEHAVIOURS", "Asked", "Client", "Exchanged", "OpenIdProvider", "path_and_query"]

CODE_LIFETIME = 60.0  # virtual seconds


@dataclass(frozen=True)
class Client:
    """A registered application."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """One authorization request, as the app sent it; missing parameters are ""."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    challenge_method: str
    scope: str
    refused: str = ""


@dataclass(frozen=True)
class Exchanged:
    """One token request: the code, whether a verifier came with it, and "200" or the error."""

    code: str
    verifier: str
    outcome: str


@dataclass
class _Grant:
    asked: Asked
    user: str
    until: float
    used: bool = False
    tokens: list[str] = field(default_factory=list)


class OpenIdProvider(TokenIssuer):
    """See the module."""

    lane = "identity provider"

    def __init__(
        self,
        folder: Path | str,
        *,
        issuer: str = "http://id.test",
        journal: Journal | None = None,
        clock: VirtualClock | None = None,
        algorithm: str = "RS256",
        require_pkce: bool = True,
    ) -> None:
        super().__init__(folder, issuer=issuer, journal=journal, clock=clock, algorithm=algorithm)
        self.require_pkce = require_pkce
        self.clients: dict[str, Client] = {}
        self.asked: list[Asked] = []
        self.exchanges: list[Exchanged] = []
        self._grants: dict[str, _Grant] = {}
        self._access: dict[str, str] = {}  # access token -> subject

    # for the judge

    def register(self, client_id: str, *, redirect_uris: tuple[str, ...], secret: str = "") -> Client:
        client = Client(client_id, secret or secrets.token_urlsafe(24), redirect_uris)
        self.clients[client_id] = client
        return client

    def consent(self, authorize_url: str, *, user: str = "alice") -> str:
        """What a browser does at /authorize when `user` agrees: returns the address it is sent to."""
        parts = urlsplit(authorize_url)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        response = self._authorize(query, user)
        if response.status != 302:
            raise ValueError(f"the provider refused: {response.body.decode()}")
        return response.headers["location"]

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    # the wire

    def respond(self, request: Request) -> Response:
        match (request.method, request.path):
            case ("GET", "/.well-known/openid-configuration"):
                return Response.of(self.discovery())
            case ("GET", "/jwks"):
                return Response.of(self.jwks())
            case ("GET", "/authorize"):
                return self._authorize(request.query, "alice")
            case ("POST", "/token"):
                return self._token(request)
            case ("GET", "/userinfo"):
                subject = self._access.get(request.headers.get("authorization", "").removeprefix("Bearer "))
                return (
                    Response.of(self.people[subject])
                    if subject
                    else Response.of({"error": "invalid_token"}, 401)
                )
        return Response.of({"error": "not found"}, 404)

    def _authorize(self, query: dict[str, str], user: str) -> Response:
        names = (
            "client_id",
            "redirect_uri",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "scope",
        )
        asked = Asked(*(query.get(n, "") for n in names))
        refused = self._why_refused(asked, query.get("response_type", ""))
        self.asked.append(replace(asked, refused=refused))
        if refused:  # never redirect to an address that is not registered
            return Response.of({"error": "invalid_request", "error_description": refused}, 400)
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(asked, user, self.clock.time() + CODE_LIFETIME)
        back = {"code": code, "state": asked.state, "iss": self.issuer}
        if "wrong state" in self.bad:
            back["state"] = secrets.token_urlsafe(16)
        if "no state" in self.bad:
            del back["state"]
        if "mix-up issuer" in self.bad:
            back["iss"] = "http://evil.test"
        parts = urlsplit(asked.redirect_uri)
        query_text = "&".join(q for q in (parts.query, urlencode(back)) if q)
        return Response(302, b"", {"location": urlunsplit(parts._replace(query=query_text))})

    def _why_refused(self, asked: Asked, response_type: str) -> str:  # noqa: PLR0911 - one line a reason
        client = self.clients.get(asked.client_id)
        if client is None:
            return "unknown client_id"
        if asked.redirect_uri not in client.redirect_uris:
            return "redirect_uri is not one of those registered"
        if response_type != "code":
            return "response_type must be code"
        if "openid" not in asked.scope.split():
            return "scope must contain openid"
        if asked.challenge and asked.challenge_method != "S256":
            return "code_challenge_method must be S256"
        if self.require_pkce and not asked.challenge:
            return "code_challenge is required"
        return ""

    def _token(self, request: Request) -> Response:
        form = request.form()
        error, grant = self._check_exchange(request, form)
        outcome = error or "200"
        self.exchanges.append(Exchanged(form.get("code", ""), form.get("code_verifier", ""), outcome))
        if error or grant is None:
            name, _, description = error.partition(": ")
            status = 401 if name == "invalid_client" else 400
            return Response.of({"error": name, "error_description": description}, status)
        access = secrets.token_urlsafe(24)
        grant.tokens.append(access)
        self._access[access] = str(self.people[grant.user]["sub"])
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": int(TOKEN_LIFETIME)}
        return Response.of(
            {**answer, "id_token": self.id_token(grant.asked.client_id, grant.user, grant.asked.nonce)},
            cache_control="no-store",
        )

    def _check_exchange(self, request: Request, form: dict[str, str]) -> tuple[str, _Grant | None]:  # noqa: PLR0911
        client = self._authenticated(request, form)
        if client is None:
            return "invalid_client: unknown client or wrong secret", None
        if form.get("grant_type") != "authorization_code":
            return "unsupported_grant_type: only authorization_code", None
        grant = self._grants.get(form.get("code", ""))
        if grant is None or grant.asked.client_id != client.id:
            return "invalid_grant: no such code", None
        if grant.used:
            for token in grant.tokens:  # RFC 6749, 4.1.2: a code used twice revokes what it gave
                self._access.pop(token, None)
            return "invalid_grant: the code was used before", None
        if self.clock.time() > grant.until:
            return "invalid_grant: the code has expired", None
        if form.get("redirect_uri") != grant.asked.redirect_uri:
            return "invalid_grant: redirect_uri differs from the one asked with", None
        if grant.asked.challenge and _challenge(form.get("code_verifier", "")) != grant.asked.challenge:
            return "invalid_grant: code_verifier does not match", None
        grant.used = True
        return "", grant

    def _authenticated(self, request: Request, form: dict[str, str]) -> Client | None:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        given = request.headers.get("authorization", "")
        if given.startswith("Basic "):
            try:
                name, _, secret = base64.b64decode(given[6:]).decode().partition(":")
            except ValueError:
                return None
        client = self.clients.get(name)
        return client if client and secrets.compare_digest(client.secret.encode(), secret.encode()) else None

    def describe(self, request: Request) -> str:
        return f"{request.method} {request.path}"


def _challenge(verifier: str) -> str:
    return b64url(hashlib.sha256(verifier.encode()).digest())


def path_and_query(url: str) -> str:
    """What a browser asks the app for when it is sent to `url`."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))
