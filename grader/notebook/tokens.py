"""A token, or a stored password, taken apart."""

from __future__ import annotations

import base64
import json

from grader.notebook.picture import Picture
from grader.show.anatomy import Part, anatomy_svg, anatomy_text

CLAIMS = {"iss": "who says so", "aud": "to whom", "sub": "about whom", "exp": "until when", "iat": "since when",
          "client_id": "asked by which app", "scope": "what it may be used for", "jti": "its own number",
          "alg": "how it is signed", "kid": "by which key", "typ": "what kind of token"}  # fmt: skip


def draw_token(token: str, title: str = "") -> Picture:
    """A signed token and what its parts say; the signature is told by its length, for it differs with the key."""
    head, body, signature = token.split(".")
    size = len(_decoded(signature))
    return _draw(
        [
            Part(head, "header", "Chosen by whoever made the token:", _lines(head)),
            Part("."),
            Part(
                body, "payload", "The claims. Encoded, not encrypted: everybody can read them.", _lines(body)
            ),
            Part("."),
            Part(
                "‹signature›",
                "signature",
                f"{size} bytes over the two parts before, as they stand. It says who wrote them, not that they are true.",
            ),
        ],
        title,
    )


def draw_hash(stored: str, title: str = "") -> Picture:
    """A PHC string of Argon2 and what its parts say."""
    _, variant, version, costs, salt, digest = stored.split("$")
    memory, passes, lanes = (int(cost.partition("=")[2]) for cost in costs.split(","))
    return _draw(
        [
            Part("$"),
            Part(variant, "variant", "Argon2id: memory-hard, and the one of the family to use for passwords."),
            Part("$"),
            Part(version, "version", "0x13, written in decimal: the current one."),
            Part("$"),
            Part(costs, "cost", f"{memory:,} KiB of memory, {passes} passes over it, {lanes} lanes. A row says its own cost."),
            Part("$"),
            Part(salt, "salt", f"{len(_decoded(salt))} random bytes of this row's own; no secret."),
            Part("$"),
            Part(digest, "hash", f"{len(_decoded(digest))} bytes, computed from all of the above and the password."),
        ],
        title,
    )  # fmt: skip


def _draw(parts: list[Part], title: str) -> Picture:
    return Picture(anatomy_svg(parts, title), anatomy_text(parts, title))


def _lines(part: str) -> tuple[str, ...]:
    said = json.loads(_decoded(part))
    return tuple(
        f"{f'{name!s}: {value!r}':<44}{CLAIMS.get(name, '')}".rstrip() for name, value in said.items()
    )


def _decoded(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.replace("-", "+").replace("_", "/"))
