"""What an OpenID provider signs: real RSA and EC keys, ID tokens, and the ways in which those may be wrong."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from grader.instruments.clock import VirtualClock
from grader.instruments.standin import StandIn
from grader.instruments.steps import Journal

TOKEN_LIFETIME = 300.0  # virtual seconds

MISBEHAVIOURS = {
    "wrong nonce": "the ID token carries another login's nonce",
    "no nonce": "the ID token carries no nonce",
    "wrong audience": "the ID token is meant for another client",
    "wrong issuer": "the ID token names another issuer",
    "expired": "the ID token ran out an hour ago",
    "not yet valid": "the ID token is issued an hour ahead",
    "no signature": "the ID token says alg none",
    "key confusion": "the ID token is an HS256 made with the public key",
    "unknown key": "the ID token is signed by a key that is not in the JWKS, under a kid that is",
    "tampered": "the payload was changed after signing",
    "mix-up issuer": "the redirect back names another issuer in `iss`",
    "wrong state": "the redirect back carries another state",
    "no state": "the redirect back carries no state",
}


class TokenIssuer(StandIn):
    """A stand-in that signs. people: subject -> claims. bad: the ways in which it is wrong now."""

    def __init__(
        self,
        folder: Path | str,
        *,
        issuer: str,
        journal: Journal | None,
        clock: VirtualClock | None,
        algorithm: str,
    ) -> None:
        super().__init__(folder, journal=journal, clock=clock)
        self.issuer, self.algorithm = issuer, algorithm
        self.people: dict[str, dict[str, Any]] = {
            "alice": {"sub": "alice", "email": "alice@example.com", "email_verified": True, "name": "Alice"},
            "bob": {"sub": "bob", "email": "bob@example.com", "email_verified": True, "name": "Bob"},
            "mallory": {
                "sub": "mallory",
                "email": "alice@example.com",
                "email_verified": False,
                "name": "Mallory",
            },
        }
        self.keys: list[RSAKey | ECKey] = [_key(algorithm, 0)]
        self.bad: set[str] = set()

    def misbehave(self, *how: str) -> None:
        """From now on, wrong in these ways; raises ValueError for one that is not in MISBEHAVIOURS."""
        if unknown := set(how) - set(MISBEHAVIOURS):
            raise ValueError(f"no such misbehaviour: {sorted(unknown)}; known are {sorted(MISBEHAVIOURS)}")
        self.bad = set(how)

    def behave(self) -> None:
        self.bad = set()

    def rotate_key(self, *, keep_old: bool = True) -> None:
        """Signs with a new key from now on; the JWKS keeps the old one unless told not to."""
        self.keys.insert(0, _key(self.algorithm, len(self.keys)))
        if not keep_old:
            del self.keys[1:]

    def mint(
        self, key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token with exactly these claims, signed with the current key unless another is given."""
        key = key or self.keys[0]
        return jwt.encode(
            {"alg": self.algorithm, "kid": self.keys[0].kid, **(header or {})},
            claims,
            key,
            algorithms=[self.algorithm],
        )

    def id_claims(
        self, client_id: str, user: str = "alice", nonce: str = "", **changes: Any
    ) -> dict[str, Any]:
        """The claims of a good ID token."""
        now = int(self.clock.time())
        times = {"iat": now, "exp": now + int(TOKEN_LIFETIME)}
        claims = {"iss": self.issuer, "aud": client_id, **times, **self.people[user]}
        return {**claims, **({"nonce": nonce} if nonce else {}), **changes}

    def jwks(self) -> dict[str, Any]:
        """The public keys, as served."""
        return dict(KeySet(list(self.keys)).as_dict(private=False))

    def id_token(self, client_id: str, user: str, nonce: str) -> str:
        """As good as the provider is told to be."""
        claims = self.id_claims(client_id, user, nonce)
        now = int(self.clock.time())
        changes: dict[str, dict[str, Any]] = {
            "wrong nonce": {"nonce": secrets.token_urlsafe(16)},
            "wrong audience": {"aud": "another-client"},
            "wrong issuer": {"iss": "http://evil.test"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "not yet valid": {"iat": now + 3600, "nbf": now + 3600, "exp": now + 7200},
        }
        for how in self.bad & set(changes):
            claims.update(changes[how])
        if "no nonce" in self.bad:
            claims.pop("nonce", None)
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        if "no signature" in self.bad:
            return f"{_b64({'alg': 'none', 'typ': 'JWT'})}.{_b64(claims)}."
        if "key confusion" in self.bad:
            signed = f"{_b64({'alg': 'HS256', 'kid': self.keys[0].kid})}.{_b64(claims)}"
            secret = self.keys[0].as_pem(private=False)
            return f"{signed}.{b64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
        if "unknown key" in self.bad:
            return self.mint(_key(self.algorithm, 99), **claims)
        token = self.mint(**claims)
        if "tampered" in self.bad:
            head, _, signature = token.split(".")
            token = f"{head}.{_b64({**claims, 'sub': 'bob', 'email': 'bob@example.com'})}.{signature}"
        return token


@functools.cache
def _key(algorithm: str, number: int) -> RSAKey | ECKey:
    """Made once a process: an RSA key costs a tenth of a second."""
    named = {"kid": f"{algorithm.lower()}-{number}", "use": "sig", "alg": algorithm}
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, parameters=named)  # type: ignore[arg-type]
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters=named)  # type: ignore[arg-type]
    raise ValueError(f"this provider signs with RS256 or ES256, not {algorithm}")


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _b64(value: dict[str, Any]) -> str:
    return b64url(json.dumps(value).encode())
