"""The learner's app as `serve` runs it, with what uvicorn would only log."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

ANSWER_FILE = "<answer>"
RAISED = (
    "grader-raised"  # the header that tells the caller which exception the app let out; in ASCII, as JSON
)


class Watched:
    """Why start-up failed, what handlers raised, what still runs."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.lifespan_error = ""
        self.errors: list[dict[str, Any]] = []
        self.under_way = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        self.under_way += 1
        reply = _Reply(send)
        try:
            await self.app(scope, receive, reply.send)
            await reply.release()
        except Exception as error:
            if len(self.errors) < 20:
                self.errors.append({"path": str(scope.get("path", ""))[:200], **_described(error)})
            if scope["type"] == "http":
                await reply.release(error)
            raise
        finally:
            self.under_way -= 1

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        async def listen(message: Any) -> None:
            if message["type"].endswith(".failed"):
                # Starlette sends the whole traceback as the message; its last line says what happened.
                lines = str(message.get("message", "")).strip().splitlines() or ["no reason given"]
                self.lifespan_error = lines[-1][:300]
            await send(message)

        try:
            await self.app(scope, receive, listen)
        except BaseException as error:
            self.lifespan_error = self.lifespan_error or sentence(error)
            raise


class _Reply:
    """What the app sends. A 5xx waits, where an exception is being handled, until it is known whether it gets out."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._started = False
        self._held: list[Any] = []

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [h for h in message.get("headers", ()) if h[0].lower() != _NAME]}
            if message["status"] >= 500 and sys.exc_info()[1] is not None:
                self._held.append(message)
                return
        if self._held:
            self._held.append(message)
        else:
            await self._send(message)
            self._started = True

    async def release(self, error: Exception | None = None) -> None:
        """error: what got out; the caller is told, and of an app that has sent nothing at all too."""
        if error is not None and not self._started and not self._held:
            self._held = [dict(message) for message in _NO_REPLY]
        if error is not None and self._held:
            told = json.dumps(sentence(error, whose=""))
            self._held[0]["headers"] = [*self._held[0]["headers"], (_NAME, told.encode())]
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


_NAME = RAISED.encode()
_NO_REPLY: tuple[dict[str, Any], ...] = (  # as uvicorn would answer
    {
        "type": "http.response.start",
        "status": 500,
        "headers": [(b"content-type", b"text/plain; charset=utf-8")],
    },
    {"type": "http.response.body", "body": b"Internal Server Error"},
)


def one_line(text: str, most: int = 200) -> str:
    """Somebody else's text, to be shown: no line breaks, no control characters, not long."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= most else text[: most - 1] + "…"


def _described(error: BaseException) -> dict[str, Any]:
    line = 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == ANSWER_FILE and frame.lineno:
            line = frame.lineno
    return {"type": type(error).__name__, "message": _text(error), "line": line}


def _text(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return ""


def sentence(error: BaseException, whose: str = " of your cell") -> str:
    told = _described(error)
    where = f" (line {told['line']}{whose})" if told["line"] else ""
    return one_line(f"{told['type']}: {told['message']}" if told["message"] else told["type"]) + where
