"""A browser as far as a login needs one: it keeps cookies, and knows which of them go along from another site."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass, field, replace
from typing import Any

from grader.instruments.callers import AppClient, Exchange
from grader.instruments.clock import VirtualClock


@dataclass(frozen=True)
class Kept:
    value: str
    path: str
    strict: bool
    until: float  # on the judge's clock
    closed: bool = False  # Secure and HttpOnly


@dataclass
class Browser:
    """Follows no redirect by itself. `jar` may be copied into another browser: that is theft."""

    client: AppClient
    clock: VirtualClock
    jar: dict[str, Kept] = field(default_factory=dict)

    def get(
        self, path: str, *, from_elsewhere: bool = False, headers: dict[str, str] | None = None
    ) -> Exchange:
        """from_elsewhere: another site sent the browser here, so that SameSite=Strict keeps cookies back."""
        sent = self._cookies(path, from_elsewhere)
        more: dict[str, Any] = {**({"Cookie": sent} if sent else {}), **(headers or {})}
        reply = self.client.request("GET", path, headers=more)
        for line in reply.cookies:
            self._keep(line)
        return reply

    def rewrite(self, old: str, new: str) -> None:
        """Changes a word in every cookie, also where it stands in base64."""
        self.jar = {
            name: replace(kept, value=_rewritten(kept.value, old, new)) for name, kept in self.jar.items()
        }

    def hoard(self) -> None:
        """Keeps what it has for ever, whatever was said: what a browser drops, a copy of it need not."""
        self.jar = {name: replace(kept, until=float("inf")) for name, kept in self.jar.items()}

    def _cookies(self, path: str, from_elsewhere: bool) -> str:
        asked, now = path.partition("?")[0], self.clock.time()
        return "; ".join(
            f"{name}={kept.value}"
            for name, kept in self.jar.items()
            if kept.until > now and not (kept.strict and from_elsewhere) and _beneath(asked, kept.path)
        )

    def _keep(self, line: str) -> None:
        first, *rest = line.split(";")
        name, _, value = first.partition("=")
        attributes = {k.strip().lower(): v.strip() for k, _, v in (part.partition("=") for part in rest)}
        until = float("inf")
        if "max-age" in attributes:
            with contextlib.suppress(ValueError):
                until = self.clock.time() + int(attributes["max-age"])
        elif "1970" in attributes.get("expires", ""):
            until = 0.0
        self.jar[name.strip()] = Kept(
            value.strip(),
            attributes.get("path") or "/",
            attributes.get("samesite", "").lower() == "strict",
            until,
            {"secure", "httponly"} <= set(attributes),
        )


def _rewritten(value: str, old: str, new: str) -> str:
    def part(text: str) -> str:
        with contextlib.suppress(ValueError):
            decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            if old in decoded:
                return base64.urlsafe_b64encode(decoded.replace(old, new).encode()).decode().rstrip("=")
        return text.replace(old, new)

    return ".".join(part(p) for p in value.strip('"').rstrip("=").split("."))


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
