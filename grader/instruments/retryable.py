"""A request that can be sent again, and what a caller may know before it does: for lessons and labs on retries.

request = Request("POST", "/v1/payments", {"Idempotency-Key": "k"}, send)
response = request.send()            # once; or raises ConnectionError, TimeoutError
policy = Policy(max_attempts=5, base=0.1, cap=10.0, deadline=30.0, budget=Budget(10))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


class Headers(dict[str, str]):
    """Header fields; names in any case."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__({k.lower(): v for k, v in (fields or {}).items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True)
class Response:
    """status: the HTTP code."""

    status: int
    headers: Mapping[str, str] = field(default_factory=Headers)
    body: str = ""

    @property
    def status_code(self) -> int:
        return self.status


@dataclass(frozen=True)
class Request:
    """`send()` sends it once: a `Response`, or ConnectionError or TimeoutError if there was none."""

    method: str
    path: str
    headers: Mapping[str, str]
    transport: Callable[[], Response] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", MappingProxyType(Headers(self.headers)))

    def send(self) -> Response:
        return self.transport()

    __call__ = send


class Budget:
    """Retries all callers of one process share. `spend()` takes one and says whether there was one."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def spend(self) -> bool:
        if self.tokens <= 0:
            return False
        self.tokens -= 1
        return True


@dataclass(frozen=True)
class Policy:
    """max_attempts: with the first. base, cap, deadline: seconds."""

    max_attempts: int
    base: float
    cap: float
    deadline: float
    budget: Any
