"""What strangers send that is no token at all, for `verify_token`; and what a forgery is."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.authentication.mint import Mint
from grader.checks.authentication.signing import b64

DEEP = 100_000  # brackets; no parser that calls itself for each gets as far


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


def family(name: str, *tokens: tuple[str, str]) -> list[Forgery]:
    """tokens: what the attacker did, and the token."""
    return [Forgery(name, what, token) for what, token in tokens]


def garbage(mint: Mint) -> list[Forgery]:
    head = mint.make().split(".", maxsplit=1)[0]

    def huge(name: str) -> str:
        return mint.make(None, mint.claims(**{name: 10**400}))

    listed = b64(b'["alg", "RS256"]')
    found = family(
        "garbage",
        ("nothing at all", ""),
        ("one word", "token"),
        ("two parts", mint.make().rsplit(".", 1)[0]),
        ("three dots", "..."),
        ("four parts", mint.make() + ".e30"),
        ("no base64", "§§§.§§§.§§§"),
        ("a header that is no JSON", "e2E.e30.e30"),
        ("a header that is a list", f"{listed}.e30.e30"),
        ("a header without alg", mint.make({"alg": None})),
        ("an alg that is a list", mint.make({"alg": ["RS256"]})),
        ("a kid that is a list", mint.make({"kid": ["rsa-1"]})),
        ("a kid that is an object", mint.make({"kid": {"a": 1}})),
        ("a payload that is a list", mint.make(None, b"[1]")),
        ("a payload that is no JSON", mint.make(None, b"hello")),
        ("a payload that is no UTF-8", mint.make(None, b'{"sub": "\xff"}')),
        ("an aud that is a number", mint.make(None, mint.claims(aud=7))),
        ("an exp that is a list", mint.make(None, mint.claims(exp=[mint.now]))),
        ("a header that is nested 100,000 deep", b64(b"[" * DEEP) + ".e30.e30"),
        ("a kid that is nested 100,000 deep", b64(b'{"kid": ' + b"[" * DEEP) + ".e30.e30"),
        ("a payload that is nested 100,000 deep", mint.make(None, b'{"sub": ' + b"[" * DEEP)),
        ("a signature of one byte", f"{head}.{b64(b'{}')}.{b64(mint.rsa(b'')[:1])}"),
    )
    # No float holds such a number. It may be taken for one or not, no property asks; but nothing may break over it.
    return [*found, *family("huge", *((f"10 to the power of 400 as {n}", huge(n)) for n in ("exp", "iat")))]
