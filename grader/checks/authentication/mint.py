"""The issuer that `verify_token` trusts: its key set, and tokens of its own, usual and unusual."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from grader.checks.authentication.signing import Signer, b64, ec_entry, ec_key, es, rs, rsa_entry, rsa_key

ISSUER, AUDIENCE = "https://id.shop.example", "shop-api"


@dataclass(frozen=True)
class Ours:
    """entries: those that were added to the key set, in place of any of the kid. unusual: looked at by a property of its
    own, because it is seldom met."""

    name: str
    token: str
    claims: dict[str, Any]
    entries: tuple[dict[str, str], ...] = ()
    unusual: bool = False


def key_set() -> dict[str, list[dict[str, str]]]:
    """The issuer's JWKS."""
    return {
        "keys": [
            rsa_entry(rsa_key("rsa-1"), kid="rsa-1", use="sig", alg="RS256"),
            ec_entry(ec_key("ec-1"), kid="ec-1", use="sig", alg="ES256"),
            ec_entry(ec_key("enc-1"), kid="enc-1", use="enc"),
            rsa_entry(rsa_key("rsa-2009", 1024), kid="rsa-2009", use="sig", alg="RS256"),
        ]
    }


class Mint:
    """Tokens as the issuer makes them at `now` (seconds since 1970), and as others do."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.rsa, self.ec, self.thief = rs(rsa_key("rsa-1")), es(ec_key("ec-1")), es(ec_key("thief"))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of ours; None takes one away."""
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "customer-17",
            "iat": self.now - 10,
            "exp": self.now + 290,
            "scope": "orders:read",
        }
        return {k: v for k, v in {**usual, **changes}.items() if v is not None}

    def make(
        self,
        header: dict[str, Any] | None = None,
        payload: dict[str, Any] | bytes | None = None,
        sign: Signer | None = None,
    ) -> str:
        """header: changes to that of an RS256 token of rsa-1; None takes a member away."""
        usual = {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"}
        head = {k: v for k, v in {**usual, **(header or {})}.items() if v is not None}
        body = payload if isinstance(payload, bytes) else json.dumps(payload or self.claims()).encode()
        text = f"{b64(json.dumps(head).encode())}.{b64(body)}"
        return f"{text}.{b64((sign or self.rsa)(text.encode()))}"

    def ours(self) -> list[Ours]:
        es256 = {"alg": "ES256", "kid": "ec-1"}
        found = []

        def add(
            what: str, header: dict[str, Any] | None = None, sign: Signer | None = None, /, **changes: Any
        ) -> None:
            claims = self.claims(**changes)
            found.append(Ours(what, self.make(header, claims, sign), claims))

        add("RS256 by rsa-1")
        add("ES256 by ec-1", es256, self.ec)
        add("for several audiences", aud=["billing-api", AUDIENCE])
        add("with a not-before in the past", nbf=self.now - 10)
        add("ran out 55 seconds ago", exp=self.now - 55)
        add("begins in 55 seconds", nbf=self.now + 55)
        add("issued by a clock that is 55 seconds ahead", iat=self.now + 55)
        add(
            "with claims nobody here knows",
            es256,
            self.ec,
            name="Zoë",
            roles=["buyer"],
            nested={"a": [1, None]},
        )
        add("with its type in capitals", {"typ": "AT+JWT"})
        return found

    def unusual(self) -> list[Ours]:
        """Ours too, as they are seldom met."""
        elsewhere = {
            "jku": "https://127.0.0.1:1/keys",
            "x5u": "https://127.0.0.1:1/key.pem",
        }  # nobody answers
        fraction = self.claims(exp=self.now + 290.5, iat=self.now - 10.25)
        claims, ec_2 = self.claims(), ec_key("ec-2")
        newer = (ec_entry(ec_2, kid="ec-2", use="sig", alg="ES256"),)
        replaced = (ec_entry(ec_2, kid="ec-1", use="sig", alg="ES256"),)
        return [
            Ours(name, token, told, entries, unusual=True)
            for name, token, told, entries in (
                ("whose times have fractions of a second", self.make(None, fraction), fraction, ()),
                (
                    "whose header says where other keys are (jku, x5u)",
                    self.make(elsewhere, claims),
                    claims,
                    (),
                ),
                (
                    "by ec-2, a key that is new in the set",
                    self.make({"alg": "ES256", "kid": "ec-2"}, claims, es(ec_2)),
                    claims,
                    newer,
                ),
                (
                    "by the key that has replaced another under its kid",
                    self.make({"alg": "ES256", "kid": "ec-1"}, claims, es(ec_2)),
                    claims,
                    replaced,
                ),
            )
        ]
