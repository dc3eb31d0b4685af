"""A bank of tokens for `verify_token`: ours, and each classic forgery beside them.

Every forgery is wrong in one way alone: but for that it is a token of ours.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes

from grader.checks.authentication.signing import (
    Signer,
    b64,
    der,
    ec_entry,
    ec_key,
    es,
    hs,
    pem,
    ps,
    rs,
    rsa_entry,
    rsa_key,
)

ISSUER, AUDIENCE, LEEWAY = "https://id.shop.example", "shop-api", 60


@dataclass(frozen=True)
class Forgery:
    """family: the property that looks at it. name: what the attacker did. later: seconds the clock has moved on.
    without: kid of a key that was taken out of the set. entries: those that were added, in place of any of the kid."""

    family: str
    name: str
    token: str
    later: int = 0
    without: str = ""
    entries: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Ours:
    """entries: as above. unusual: looked at by a property of its own, because it is seldom met."""

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

    def forged(self) -> list[Forgery]:
        return [
            *self._unsigned(),
            *self._confused(),
            *self._injected(),
            *self._strangers(),
            *self._untimely(),
            *self._critical(),
            *self._garbage(),
        ]

    def _unsigned(self) -> list[Forgery]:
        def none(data: bytes) -> bytes:
            return b""

        good = self.make()
        head, body, signature = good.split(".")
        admin = b64(json.dumps(self.claims(sub="admin")).encode())
        es256 = {"alg": "ES256", "kid": "ec-1"}
        spelled = [
            ("alg " + alg, self.make({"alg": alg}, sign=none)) for alg in ("none", "None", "NONE", "nOnE")
        ]
        more = [
            ("alg none without kid", self.make({"alg": "none", "kid": None}, sign=none)),
            (
                "alg none beside a genuine signature",
                self.make({"alg": "none"}).rsplit(".", 1)[0] + "." + signature,
            ),
            ("signature left out", f"{head}.{body}."),
            ("payload changed after signing", f"{head}.{admin}.{signature}"),
            ("header changed after signing", self._relabelled()),
            (
                "another token's signature",
                f"{head}.{body}." + self.make(None, self.claims(sub="x")).split(".")[2],
            ),
            ("signature cut short", good[:-8]),
            ("ES256 with the signature 0, 0", self.make(es256, sign=lambda data: bytes(64))),
            ("signed by somebody else's EC key", self.make(es256, sign=self.thief)),
            ("signed by somebody else's RSA key", self.make(sign=rs(rsa_key("rsa-2009", 1024)))),
        ]
        return [Forgery("signature", name, token) for name, token in spelled + more]

    def _relabelled(self) -> str:
        _, body, signature = self.make({"typ": "JWT"}).split(".")
        return f"{self.make().split('.')[0]}.{body}.{signature}"

    def _confused(self) -> list[Forgery]:
        key, curve = rsa_key("rsa-1"), ec_key("ec-1")
        entry = key_set()["keys"][0]
        hs256 = {"alg": "HS256"}
        return [
            Forgery("algorithm", name, token)
            for name, token in (
                ("HS256 with the public RSA key's PEM", self.make(hs256, sign=hs(pem(key)))),
                ("HS256 with that PEM without its last newline", self.make(hs256, sign=hs(pem(key).strip()))),
                ("HS256 with the public RSA key's DER", self.make(hs256, sign=hs(der(key)))),
                ("HS256 with the modulus as in the key set", self.make(hs256, sign=hs(entry["n"].encode()))),
                (
                    "HS256 with the entry of the key set as JSON",
                    self.make(hs256, sign=hs(json.dumps(entry).encode())),
                ),
                (
                    "HS256 with the public EC key's PEM",
                    self.make({"alg": "HS256", "kid": "ec-1"}, sign=hs(pem(curve))),
                ),
                ("RS512 by a key for RS256", self.make({"alg": "RS512"}, sign=rs(key, hashes.SHA512()))),
                ("PS256 by a key for RS256", self.make({"alg": "PS256"}, sign=ps(key))),
                ("ES256 under the kid of an RSA key", self.make({"alg": "ES256"}, sign=self.ec)),
            )
        ]

    def _injected(self) -> list[Forgery]:
        es256 = {"alg": "ES256"}
        own = ec_entry(ec_key("thief"), kid="thief", use="sig", alg="ES256")
        as_ours = {**own, "kid": "ec-1"}
        served = base64.b64encode(json.dumps({"keys": [own]}).encode()).decode()
        null = {"alg": "HS256", "kid": "../../../../dev/null"}
        weak = rsa_key("rsa-2009", 1024)
        sql = {"alg": "HS256", "kid": "x' UNION SELECT 'secret' -- "}
        return [
            Forgery("key", name, token)
            for name, token in (
                (
                    "brings its key along (jwk)",
                    self.make({**es256, "kid": None, "jwk": own}, sign=self.thief),
                ),
                (
                    "brings its key along under our kid",
                    self.make({**es256, "kid": "ec-1", "jwk": as_ours}, sign=self.thief),
                ),
                (
                    "says where to fetch its key (jku)",
                    self.make(
                        {**es256, "kid": "thief", "jku": f"data:application/json;base64,{served}"},
                        sign=self.thief,
                    ),
                ),
                ("a kid that is a file: ../../../../dev/null", self.make(null, sign=hs(b""))),
                ("a kid that is SQL", self.make(sql, sign=hs(b"secret"))),
                (
                    "an unknown kid, signed by an unknown key",
                    self.make({**es256, "kid": "ec-9"}, sign=self.thief),
                ),
                ("an unknown kid, signed by our key", self.make({"kid": "rsa-9"})),
                ("no kid, signed by our key", self.make({"kid": None})),
                (
                    "signed by the key for encryption",
                    self.make({**es256, "kid": "enc-1"}, sign=es(ec_key("enc-1"))),
                ),
                (
                    "signed by the 1024 bit key",
                    self.make({"kid": "rsa-2009"}, sign=rs(rsa_key("rsa-2009", 1024))),
                ),
            )
        ] + [
            Forgery("key", "its key was taken out of the set", self.make(), without="rsa-1"),
            Forgery(
                "key",
                "signed by a key that another has replaced under its kid",
                self.make({**es256, "kid": "ec-1"}, sign=self.ec),
                entries=(ec_entry(ec_key("ec-2"), kid="ec-1", use="sig", alg="ES256"),),
            ),
            Forgery(
                "key",
                "signed by another key of 1024 bits",
                self.make({"kid": "rsa-3"}, sign=rs(weak)),
                entries=(rsa_entry(weak, kid="rsa-3", use="sig", alg="RS256"),),
            ),
        ]

    def _strangers(self) -> list[Forgery]:
        def make(**changes: Any) -> str:
            return self.make(None, self.claims(**changes))

        return [
            Forgery("meant for us", name, token)
            for name, token in (
                ("no iss", make(iss=None)),
                ("another iss", make(iss="https://id.other.example")),
                ("an iss that begins like ours", make(iss=ISSUER + ".evil.example")),
                ("an iss that contains ours", make(iss="https://evil.example/?" + ISSUER)),
                ("our iss with a slash at its end", make(iss=ISSUER + "/")),
                ("our iss in other capitals", make(iss=ISSUER.replace("id.", "ID."))),
                ("no aud", make(aud=None)),
                ("another aud", make(aud="billing-api")),
                ("several aud, none of them ours", make(aud=["billing-api", "mail-api"])),
                ("an aud that contains ours", make(aud=AUDIENCE + "-admin")),
                ("an aud that ours contains", make(aud="shop")),
                ("no sub", make(sub=None)),
                ("an empty sub", make(sub="")),
                ("an ID token (typ JWT)", self.make({"typ": "JWT"})),
                ("a token without typ", self.make({"typ": None})),
                ("a typ that contains ours (not-at+jwt)", self.make({"typ": "not-at+jwt"})),
            )
        ]

    def _untimely(self) -> list[Forgery]:
        def make(**changes: Any) -> str:
            return self.make(None, self.claims(**changes))

        forever = json.dumps(self.claims(exp=float("inf"))).encode()
        no_number = json.dumps(self.claims(exp=float("nan"))).encode()
        return [
            Forgery("time", name, token)
            for name, token in (
                ("no exp", make(exp=None)),
                ("ran out 65 seconds ago", make(exp=self.now - 65)),
                ("ran out last year", make(exp=self.now - 365 * 86400)),
                ("an exp that is text", make(exp="9999999999")),
                ("an nbf that is text", make(nbf=str(self.now - 10))),
                ("an iat that is text", make(iat=str(self.now - 10))),
                ("an exp of infinity", self.make(None, forever)),
                ("an exp that is not a number (NaN)", self.make(None, no_number)),
                ("begins in 65 seconds", make(nbf=self.now + 65)),
                ("issued 65 seconds from now", make(iat=self.now + 65)),
            )
        ] + [Forgery("time", "good an hour ago, shown again", self.make(), later=3600)]

    def _critical(self) -> list[Forgery]:
        text = b64(
            json.dumps(
                {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt", "crit": ["b64"], "b64": False}
            ).encode()
        )
        body = json.dumps(self.claims()).encode()
        unencoded = f"{text}.{b64(body)}." + b64(self.rsa(text.encode() + b"." + body))
        return [
            Forgery("critical", name, token)
            for name, token in (
                (
                    "a critical extension nobody here knows",
                    self.make({"crit": ["bound-to"], "bound-to": "device-9"}),
                ),
                ("a critical member that is not there", self.make({"crit": ["bound-to"]})),
                ("a critical b64 of true", self.make({"crit": ["b64"], "b64": True})),
                ("a payload signed unencoded (b64)", unencoded),
            )
        ]

    def _garbage(self) -> list[Forgery]:
        head = self.make().split(".", maxsplit=1)[0]
        sign = self.rsa
        listed = b64(b'["alg", "RS256"]')
        return [
            Forgery("garbage", name, token)
            for name, token in (
                ("nothing at all", ""),
                ("one word", "token"),
                ("two parts", self.make().rsplit(".", 1)[0]),
                ("three dots", "..."),
                ("four parts", self.make() + ".e30"),
                ("no base64", "§§§.§§§.§§§"),
                ("a header that is no JSON", "e2E.e30.e30"),
                ("a header that is a list", f"{listed}.e30.e30"),
                ("a header without alg", self.make({"alg": None})),
                ("an alg that is a list", self.make({"alg": ["RS256"]})),
                ("a kid that is a list", self.make({"kid": ["rsa-1"]})),
                ("a kid that is an object", self.make({"kid": {"a": 1}})),
                ("a payload that is a list", self.make(None, b"[1]")),
                ("a payload that is no JSON", self.make(None, b"hello")),
                ("a payload that is no UTF-8", self.make(None, b'{"sub": "\xff"}')),
                ("an aud that is a number", self.make(None, self.claims(aud=7))),
                ("an exp that is a list", self.make(None, self.claims(exp=[self.now]))),
                ("a signature of one byte", f"{head}.{b64(b'{}')}.{b64(sign(b'')[:1])}"),
            )
        ]
