"""Where `call_with_retry` is called: a scripted server, a budget and a virtual clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.checks.running import Answer, Reply, Resource, Worker
from grader.instruments.clock import VirtualClock
from grader.verdict import Evidence

DRIVER = """
import random as _random_module
from grader.instruments import retryable as _r
from grader.instruments.answer_clock import AnswerClock as _Clock
class _Asked:
    def __init__(self, ask):
        self.spend = ask
class _Known:
    # Time passes only while the answer sleeps or sends: what was read before that need not be asked for again.
    def __init__(self, ask):
        self.ask, self.known = ask, {}
    def __call__(self, name, *args):
        if name not in ("read", "start"):
            self.known.pop("read", None)
            return self.ask(name, *args)
        if name not in self.known:
            self.known[name] = self.ask(name)
        return self.known[name]
def __retry__(send, spend, clock, endless, seed, method, headers, attempts, base, cap, deadline):
    known = _Known(clock._ask)
    clock = _Clock(known)
    def transport():
        now, *said = send()
        known.known["read"] = now
        if said[0] == "response":
            return _r.Response(said[1], _r.Headers(said[2]), "attempt %d" % said[3])
        raise {
            "timeout": TimeoutError,
            "connection": ConnectionError,
            "refused": ConnectionRefusedError,
            "bug": ValueError,
            "file": FileNotFoundError,
        }[said[1]]("sent")
    request = _r.Request(method, "/v1/thing", headers, transport)
    policy = _r.Policy(attempts, base, cap, deadline, _Asked((lambda: True) if endless else spend))
    response = call_with_retry(request, policy, clock, _random_module.Random(seed))
    return [getattr(response, "status", None), getattr(response, "body", None)]
"""
PATIENCE = 10.0  # seconds for one call, a safety net
MOST_SENDS = 40  # more than any policy here allows
Script = Sequence[
    Any
]  # 503, (429, {"Retry-After": "7"}), "timeout", "connection", "refused", "bug"; the last one goes on


@dataclass
class Case:
    """One call. sends, waits: seconds of the virtual clock since the call began, and of each sleep."""

    what: str
    script: list[Any]
    sends: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    spent: int = 0
    reply: Reply | None = None
    ended: float = 0.0  # when the call ended
    idle: float = 0.0  # how long before that the outcome of the last attempt was there

    @property
    def broke(self) -> bool:
        """An error of the answer's own ended the call, and not the outcome of an attempt."""
        return (
            self.reply is not None
            and self.reply.error is not None
            and self.reply.error.type not in ("TimeoutError", "ConnectionError", "ConnectionRefusedError")
        )

    def outcome(self) -> str:
        if self.reply is None or self.reply.ended:
            return "never came back"
        if self.reply.error is not None:
            return f"raised {self.reply.error.type}"
        value = self.reply.value
        return f"returned {value[0] if isinstance(value, list) else value}"

    def shown(self) -> Evidence:
        rows = [
            [f"{at:.3f} s", f"attempt {n}", str(self.script[min(n, len(self.script)) - 1])]
            for n, at in enumerate(self.sends, 1)
        ]
        rows.append([f"{self.ended:.3f} s", "the call", self.outcome()])
        return Evidence("table", self.what, {"columns": ["virtual time", "", ""], "rows": rows})


class Desk:
    """Calls the answer with a scripted server on a virtual clock."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.worker: Worker | None = None
        self.case = Case("", [])
        self.clock = VirtualClock()
        self.began, self.tokens, self.latency = 0.0, 0, 0.0

    def _send(self) -> Any:
        case = self.case
        case.sends.append(self.clock.time() - self.began)
        self.clock.advance(self.latency)
        said = case.script[min(len(case.sends), len(case.script)) - 1]
        if len(case.sends) > MOST_SENDS:
            said = 200
        now = round(self.clock.time() * 1e6)
        if isinstance(said, str):
            return [now, "error", said]
        status, headers = said if isinstance(said, tuple) else (said, {})
        return [now, "response", status, dict(headers), len(case.sends)]

    def _spend(self) -> bool:
        self.case.spent += 1
        self.tokens -= 1
        return self.tokens >= 0

    def call(
        self,
        what: str,
        script: Script,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        attempts: int = 5,
        base: float = 0.25,
        cap: float = 8.0,
        deadline: float = 600.0,
        tokens: int | None = 100,
        latency: float = 0.0,
        seed: int = 1,
    ) -> Case:
        """tokens: in the budget; None for one without end, which is not counted."""
        case = self.case = Case(what, list(script))
        self.tokens, self.latency, self.began = tokens or 0, latency, self.clock.time()
        self.clock.sleeps.clear()
        if self.worker is None:
            callbacks = {"send": self._send, "spend": self._spend, **self.clock.callbacks("clock")}
            self.worker = self.answer.spawn(driver=DRIVER, callbacks=callbacks)
        resources = (Resource("callback", "send"), Resource("callback", "spend"), Resource("clock", "clock"))
        case.reply = self.worker.call(
            "__retry__",
            *resources,
            tokens is None,
            seed,
            method,
            headers or {},
            attempts,
            base,
            cap,
            deadline,
            timeout=PATIENCE,
        )
        if case.reply.ended:
            self.worker = None
        case.waits = [b - a - latency for a, b in zip(case.sends, case.sends[1:], strict=False)]
        case.ended = self.clock.time() - self.began
        case.idle = case.ended - case.sends[-1] - latency if case.sends else 0.0
        return case
