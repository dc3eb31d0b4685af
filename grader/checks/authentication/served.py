"""An app that a function of the answer builds, served by one or more workers, and asked over HTTP."""

from __future__ import annotations

from typing import Any

from grader.checks.exercise import NotAnswered, Rejected
from grader.checks.running import Answer, Resource, Worker
from grader.checks.virtual_time import SEED
from grader.instruments.callers import AppClient, Exchange
from grader.instruments.steps import Journal

PATIENCE = 20.0  # seconds for a reply: for an app that hangs, not for a machine that is busy

# __serve__ builds and serves; the count of requests tells when nothing is under way any more, background tasks included.
DRIVER = """
import threading as _threading, time as _time
from grader.instruments import serve as _serve

_quiet, _under_way = _threading.Condition(), [0]
_patience = {False: 0.3, True: 2.0}  # seconds, by whether anything still works apart from requests


class _Counted:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        with _quiet:
            _under_way[0] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            with _quiet:
                _under_way[0] -= 1
                _quiet.notify_all()


def __serve__(listener, build, *args):
    before = set(_threading.enumerate())
    app = globals()[build](*args)
    problem = _serve._why_no_app(app)
    return {"ok": False, "reason": problem} if problem else _serve.start(_Counted(app), listener, before)


def __quiet__(also=None, enough=lambda: False):
    # What was started behind the app's back is waited for too: for a while where there is a thread, a task or a timer
    # that may do it, else for a moment; of an app that let one wait in vain, not for as long.
    # enough: when nothing more can come, though something is under way.
    with _quiet:
        _quiet.wait_for(lambda: not _under_way[0] or enough(), 5)
        if not also:
            return
        began = _time.perf_counter()
        while not also():
            apart = any(running.works_apart() for running in _serve._running.values())
            if _time.perf_counter() - began > _patience[apart]:
                _patience[apart] /= 4
                return
            _quiet.wait(0.01)


def __raised__():
    return [error["type"] for running in _serve._running.values() for error in running.watched.errors]
"""


class Served:
    """A process that runs the app. `ask` is one request."""

    def __init__(
        self,
        answer: Answer,
        path: str,
        *,
        driver: str,
        start: str,
        args: tuple[Any, ...],
        base_url: str = "http://shop.example",
        journal: Journal | None = None,
        environ: dict[str, str] | None = None,
    ) -> None:
        self.worker: Worker = answer.spawn(driver=DRIVER + SEED + driver, environ=environ)
        started = self.worker.call(start, Resource("listener", path), *args)
        if started.error is not None and started.error.kind == "not_answered":
            raise NotAnswered
        if not started.ok or not isinstance(started.value, dict):
            problem = (
                f"{started.error.type}: {started.error.message}" if started.error else "it did not come back"
            )
            raise Rejected(f"Building the app failed: {problem}.")
        if not started.value.get("ok"):
            raise Rejected(f"The app does not start: {started.value.get('reason')}.")
        self.path = path
        self.client = AppClient(path, base_url=base_url, journal=journal, timeout=PATIENCE)

    def ask(self, method: str, path: str, **more: Any) -> Exchange:
        return self.client.request(method, path, **more)

    def refuse_stub(self, exchange: Exchange) -> None:
        """Raises NotAnswered where that reply came of a handler that is still to be written."""
        if exchange.status == 500 and self.worker.call("__raised__").value == ["NotImplementedError"]:
            raise NotAnswered

    def kill(self) -> None:
        self.worker.kill()
        self.client.close()


def refused(exchange: Exchange) -> bool:
    return not exchange.ended and 400 <= exchange.status < 500
