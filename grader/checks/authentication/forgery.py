"""A bank of forgeries for `verify_token`: each of the classic ones.

Every forgery is wrong in one way alone: but for that it is a token of ours.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes

from grader.checks.authentication.forged_garbage import Forgery, family, garbage
from grader.checks.authentication.mint import AUDIENCE, ISSUER, Mint, key_set
from grader.checks.authentication.signing import (
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


def forged(mint: Mint) -> list[Forgery]:
    return [
        *_unsigned(mint),
        *_confused(mint),
        *_injected(mint),
        *_strangers(mint),
        *_untimely(mint),
        *_critical(mint),
        *garbage(mint),
    ]


def _unsigned(mint: Mint) -> list[Forgery]:
    def none(data: bytes) -> bytes:
        return b""

    good = mint.make()
    head, body, signature = good.split(".")
    admin = b64(json.dumps(mint.claims(sub="admin")).encode())
    es256 = {"alg": "ES256", "kid": "ec-1"}
    return family(
        "signature",
        *(("alg " + alg, mint.make({"alg": alg}, sign=none)) for alg in ("none", "None", "NONE", "nOnE")),
        ("alg none without kid", mint.make({"alg": "none", "kid": None}, sign=none)),
        (
            "alg none beside a genuine signature",
            mint.make({"alg": "none"}).rsplit(".", 1)[0] + "." + signature,
        ),
        ("signature left out", f"{head}.{body}."),
        ("payload changed after signing", f"{head}.{admin}.{signature}"),
        ("header changed after signing", _relabelled(mint)),
        (
            "another token's signature",
            f"{head}.{body}." + mint.make(None, mint.claims(sub="x")).split(".")[2],
        ),
        ("signature cut short", good[:-8]),
        ("ES256 with the signature 0, 0", mint.make(es256, sign=lambda data: bytes(64))),
        ("signed by somebody else's EC key", mint.make(es256, sign=mint.thief)),
        ("signed by somebody else's RSA key", mint.make(sign=rs(rsa_key("rsa-2009", 1024)))),
    )


def _relabelled(mint: Mint) -> str:
    _, body, signature = mint.make({"typ": "JWT"}).split(".")
    return f"{mint.make().split('.')[0]}.{body}.{signature}"


def _confused(mint: Mint) -> list[Forgery]:
    key, curve = rsa_key("rsa-1"), ec_key("ec-1")
    entry = key_set()["keys"][0]
    hs256 = {"alg": "HS256"}
    return family(
        "algorithm",
        ("HS256 with the public RSA key's PEM", mint.make(hs256, sign=hs(pem(key)))),
        ("HS256 with that PEM without its last newline", mint.make(hs256, sign=hs(pem(key).strip()))),
        ("HS256 with the public RSA key's DER", mint.make(hs256, sign=hs(der(key)))),
        ("HS256 with the modulus as in the key set", mint.make(hs256, sign=hs(entry["n"].encode()))),
        (
            "HS256 with the entry of the key set as JSON",
            mint.make(hs256, sign=hs(json.dumps(entry).encode())),
        ),
        (
            "HS256 with the public EC key's PEM",
            mint.make({"alg": "HS256", "kid": "ec-1"}, sign=hs(pem(curve))),
        ),
        ("RS512 by a key for RS256", mint.make({"alg": "RS512"}, sign=rs(key, hashes.SHA512()))),
        ("PS256 by a key for RS256", mint.make({"alg": "PS256"}, sign=ps(key))),
        ("ES256 under the kid of an RSA key", mint.make({"alg": "ES256"}, sign=mint.ec)),
    )


def _injected(mint: Mint) -> list[Forgery]:
    es256 = {"alg": "ES256"}
    own = ec_entry(ec_key("thief"), kid="thief", use="sig", alg="ES256")
    as_ours = {**own, "kid": "ec-1"}
    served = base64.b64encode(json.dumps({"keys": [own]}).encode()).decode()
    weak = rsa_key("rsa-2009", 1024)
    null = {"alg": "HS256", "kid": "../../../../dev/null"}
    sql = {"alg": "HS256", "kid": "x' UNION SELECT 'secret' -- "}
    named = family(
        "key",
        ("brings its key along (jwk)", mint.make({**es256, "kid": None, "jwk": own}, sign=mint.thief)),
        (
            "brings its key along under our kid",
            mint.make({**es256, "kid": "ec-1", "jwk": as_ours}, sign=mint.thief),
        ),
        (
            "says where to fetch its key (jku)",
            mint.make(
                {**es256, "kid": "thief", "jku": f"data:application/json;base64,{served}"}, sign=mint.thief
            ),
        ),
        ("a kid that is a file: ../../../../dev/null", mint.make(null, sign=hs(b""))),
        ("a kid that is SQL", mint.make(sql, sign=hs(b"secret"))),
        ("an unknown kid, signed by an unknown key", mint.make({**es256, "kid": "ec-9"}, sign=mint.thief)),
        ("an unknown kid, signed by our key", mint.make({"kid": "rsa-9"})),
        ("no kid, signed by our key", mint.make({"kid": None})),
        ("signed by the key for encryption", mint.make({**es256, "kid": "enc-1"}, sign=es(ec_key("enc-1")))),
        ("signed by the 1024 bit key", mint.make({"kid": "rsa-2009"}, sign=rs(weak))),
    )
    return [
        *named,
        Forgery("key", "its key was taken out of the set", mint.make(), without="rsa-1"),
        Forgery(
            "key",
            "signed by a key that another has replaced under its kid",
            mint.make({**es256, "kid": "ec-1"}, sign=mint.ec),
            entries=(ec_entry(ec_key("ec-2"), kid="ec-1", use="sig", alg="ES256"),),
        ),
        *(
            Forgery(
                "key",
                f"signed by another key of {key.key_size} bits",
                mint.make({"kid": "rsa-3"}, sign=rs(key)),
                entries=(rsa_entry(key, kid="rsa-3", use="sig", alg="RS256"),),
            )
            for key in (weak, rsa_key("rsa-almost", 2040))
        ),
    ]


def _strangers(mint: Mint) -> list[Forgery]:
    def make(**changes: Any) -> str:
        return mint.make(None, mint.claims(**changes))

    return family(
        "meant for us",
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
        ("an ID token (typ JWT)", mint.make({"typ": "JWT"})),
        ("a token without typ", mint.make({"typ": None})),
        ("a typ that contains ours (not-at+jwt)", mint.make({"typ": "not-at+jwt"})),
    )


def _untimely(mint: Mint) -> list[Forgery]:
    def make(**changes: Any) -> str:
        return mint.make(None, mint.claims(**changes))

    forever = json.dumps(mint.claims(exp=float("inf"))).encode()
    no_number = json.dumps(mint.claims(exp=float("nan"))).encode()
    found = family(
        "time",
        ("no exp", make(exp=None)),
        ("ran out 65 seconds ago", make(exp=mint.now - 65)),
        ("ran out last year", make(exp=mint.now - 365 * 86400)),
        ("an exp that is text", make(exp="9999999999")),
        ("an nbf that is text", make(nbf=str(mint.now - 10))),
        ("an iat that is text", make(iat=str(mint.now - 10))),
        ("an nbf that is true", make(nbf=True)),
        ("an iat that is true", make(iat=True)),
        ("an exp of infinity", mint.make(None, forever)),
        ("an exp that is not a number (NaN)", mint.make(None, no_number)),
        ("begins in 65 seconds", make(nbf=mint.now + 65)),
        ("issued 65 seconds from now", make(iat=mint.now + 65)),
    )
    return [*found, Forgery("time", "good an hour ago, shown again", mint.make(), later=3600)]


def _critical(mint: Mint) -> list[Forgery]:
    header = {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt", "crit": ["b64"], "b64": False}
    text, body = b64(json.dumps(header).encode()), json.dumps(mint.claims()).encode()
    unencoded = f"{text}.{b64(body)}." + b64(mint.rsa(text.encode() + b"." + body))
    return family(
        "critical",
        ("a critical extension nobody here knows", mint.make({"crit": ["bound-to"], "bound-to": "device-9"})),
        ("a critical member that is not there", mint.make({"crit": ["bound-to"]})),
        ("a critical b64 of true", mint.make({"crit": ["b64"], "b64": True})),
        ("a payload signed unencoded (b64)", unencoded),
    )
