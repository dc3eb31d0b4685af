"""The learner's app as `serve` runs it, with what uvicorn would only log."""

from __future__ import annotations

import traceback
from typing import Any

ANSWER_FILE = "<answer>"


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
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if len(self.errors) < 20:
                self.errors.append({"path": str(scope.get("path", ""))[:200], **_described(error)})
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


def sentence(error: BaseException) -> str:
    told = _described(error)
    where = f" (line {told['line']} of your cell)" if told["line"] else ""
    return f"{told['type']}: {told['message']}{where}"
