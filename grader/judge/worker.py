"""The process that runs an answer. Nothing in it is trusted, and nothing in it is secret.

It executes the lab's context, the answer's source and the check's driver source in one namespace, then serves
calls over a socket: each synchronous call in its own thread, coroutines on one event loop, so a check may
have several calls of one worker under way. Run by `grader.judge.zygote`, never imported by a check.
"""

from __future__ import annotations

import asyncio
import builtins
import inspect
import io
import os
import sys
import threading
import traceback
import types
from typing import Any

from grader.checks.running import Resource
from grader.judge.codec import Channel, TooLarge, decode, encode
from grader.judge.own_hash import own_hash
from grader.judge.resources import Resources

OUTPUT_LIMIT = 10_000  # characters kept of what one call prints
ANSWER_FILE = "<answer>"


class _Capture(io.TextIOBase):
    """Keeps the first OUTPUT_LIMIT characters printed since the last `take`, drops the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        if self._size < OUTPUT_LIMIT:
            self._parts.append(text[: OUTPUT_LIMIT - self._size])
        self._size += len(text)
        return len(text)

    def take(self) -> str:
        text, more = "".join(self._parts), self._size - OUTPUT_LIMIT
        self._parts, self._size = [], 0
        return text + (f"\n... {more} more characters" if more > 0 else "")


def describe_error(error: BaseException) -> dict[str, Any]:
    """kind, type, message, sqlstate and answer line of an exception; see `running.Error`."""
    module = type(error).__module__ or ""
    root = module.split(".")[0]
    name = type(error).__name__
    sqlstate = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    if isinstance(error, NotImplementedError):
        kind = "not_answered"
    elif root in ("psycopg", "sqlalchemy", "psycopg_pool"):
        kind = "database"
    elif root in ("redis", "valkey"):
        kind = "redis"
    elif root in ("httpx", "httpcore"):
        kind = "http"
    elif getattr(builtins, name, None) is type(error):
        kind = "builtin"
    else:
        kind = "domain"
    line = 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == ANSWER_FILE and frame.lineno:
            line = frame.lineno
    if isinstance(error, SyntaxError) and error.filename == ANSWER_FILE:
        line = error.lineno or 0
    try:
        message = str(error)[:2000]
    except Exception:
        message = ""
    return {"kind": kind, "type": name, "message": message, "sqlstate": sqlstate or "", "line": line}


class WorkerProcess:
    """Serves one channel until it closes."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.files = self.channel.files = list[int]()
        # A module like any other: dataclasses, pydantic and pickle look their classes up where these say they are from.
        module = sys.modules["__answer__"] = types.ModuleType("__answer__")
        module.__file__ = ANSWER_FILE
        self.namespace: dict[str, Any] = module.__dict__
        self.resources = Resources(self.namespace, self.ask, self.files)
        self.capture = _Capture()
        self._send_lock = threading.Lock()
        self._answers: dict[int, dict[str, Any]] = {}
        self._asked = 0
        self._answered = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None

    def serve(self) -> None:
        sys.stdout = sys.stderr = self.capture
        while (message := self.channel.receive()) is not None:
            op = message.get("op")
            if op == "answered":
                with self._answered:
                    self._answers[message["n"]] = message
                    self._answered.notify_all()
            elif op == "load":
                self._load(message)
            else:
                threading.Thread(target=self._call, args=(message,), daemon=True).start()
        os._exit(0)

    def send(self, message: dict[str, Any]) -> None:
        with self._send_lock:
            self.channel.send(message)

    def ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls the judge's handler `name` and waits for what it returns."""
        with self._answered:
            self._asked += 1
            n = self._asked
        self.send({"op": "ask", "n": n, "name": name, "args": encode(list(args)), "kwargs": encode(kwargs)})
        with self._answered:
            self._answered.wait_for(lambda: n in self._answers)
            answer = self._answers.pop(n)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return decode(answer["value"])

    def _load(self, message: dict[str, Any]) -> None:
        os.environ.update(message["environ"])
        self.namespace["hash"] = own_hash(message["process"])
        reply: dict[str, Any] = {"op": "loaded"}
        try:
            for source, file in (("context", "<context>"), ("source", ANSWER_FILE), ("driver", "<driver>")):
                # As a notebook would: without the __future__ imports of this file.
                exec(compile(message[source], file, "exec", dont_inherit=True), self.namespace)
        except BaseException as error:  # an answer may raise SystemExit or anything else
            reply["error"] = describe_error(error)
        reply["names"] = [n for n in message["binds"] if n in self.namespace]
        reply["empty"] = [n for n in reply["names"] if self.namespace[n] is None or self.namespace[n] is ...]
        reply["output"] = self.capture.take()
        self.send(reply)

    def _call(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"op": "reply", "id": message["id"]}
        made: list[str] = []
        try:
            value = self.namespace[message["name"]] if message["op"] == "value" else self._run(message, made)
            reply["value"] = encode(value)
        except BaseException as error:
            reply["error"] = describe_error(error)
        reply["connections"] = self.resources.states(made)
        reply["output"] = self.capture.take()
        try:
            self.send(reply)
        except TooLarge as error:
            self.send({"op": "reply", "id": message["id"], "error": describe_error(error)})

    def _run(self, message: dict[str, Any], made: list[str]) -> Any:
        function = self.namespace[message["name"]]
        args, kwargs = decode(message["args"]), decode(message["kwargs"])
        if inspect.iscoroutinefunction(function):
            return asyncio.run_coroutine_threadsafe(
                self._run_async(function, args, kwargs, made), self._event_loop()
            ).result()
        args = [self._resolve(a, made) for a in args]
        kwargs = {k: self._resolve(v, made) for k, v in kwargs.items()}
        value = function(*args, **kwargs)
        if inspect.isawaitable(value):

            async def wait() -> Any:
                return await value

            return asyncio.run_coroutine_threadsafe(wait(), self._event_loop()).result()
        return value

    async def _run_async(
        self, function: Any, args: list[Any], kwargs: dict[str, Any], made: list[str]
    ) -> Any:
        for i, argument in enumerate(args):
            if isinstance(argument, Resource) and argument.kind == "async_connection":
                args[i] = await self.resources.connect_async(argument, made)
            else:
                args[i] = self._resolve(argument, made)
        kwargs = {k: self._resolve(v, made) for k, v in kwargs.items()}
        return await function(*args, **kwargs)

    def _resolve(self, argument: Any, made: list[str]) -> Any:
        return self.resources.get(argument, made) if isinstance(argument, Resource) else argument

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return self._loop
