"""The learner's source as a check sees it: parsed, never executed here, and run in workers elsewhere."""

from __future__ import annotations

import ast
import re
import select
import time
from collections.abc import Callable, Mapping
from typing import Any

from grader.checks.exercise import Exercise, InfrastructureFault, NotAnswered, Rejected
from grader.checks.running import Error, ErrorKind, Reply
from grader.judge.codec import Channel, decode, encode
from grader.judge.launch import Place
from grader.shop import errors

SEND_TIMEOUT = 10.0  # seconds a worker may leave what we send it unread; a safety net
MAX_SOURCE = 200_000  # characters; no exercise needs a hundredth of it
_SQL_MAGIC = re.compile(r"\A\s*%%sql\b[ \t]*(\w*)[^\n]*\n?")
KNOWN_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}
_KINDS = {"database", "redis", "http", "domain", "builtin", "not_answered"}


def parse(source: str) -> ast.Module:
    """The syntax tree. Raises Rejected with the line for anything that is not Python."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise Rejected(f"Line {error.lineno} is not valid Python: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Rejected("The answer cannot be read as Python text.") from error


def bound_names(tree: ast.Module) -> set[str]:
    """Names a module binds at its top level, including inside if/try/with/for blocks."""
    found: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update((a.asname or a.name).split(".")[0] for a in node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return found


def is_stub(tree: ast.Module, names: tuple[str, ...]) -> bool:
    """Whether every one of `names` is still the released stub (or nothing but a raise stands there)."""
    meaning = [n for n in tree.body if not _is_docstring(n)]
    if not meaning or all(_raises_not_implemented(n) for n in meaning):
        return True
    stubs = {
        n.name: _is_stub_body(n.body)
        for n in tree.body
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and _is_placeholder(node.value):
            stubs.update({t.id: True for t in node.targets if isinstance(t, ast.Name)})
    if any(_raises_not_implemented(n) for n in tree.body):
        return not any(n in bound_names(tree) and not stubs.get(n, False) for n in names)
    return all(stubs.get(name, False) for name in names)


def _is_placeholder(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value is ...)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_stub_body(body: list[ast.stmt]) -> bool:
    rest = [n for n in body if not _is_docstring(n) and not isinstance(n, ast.Pass)]
    return not rest or all(_raises_not_implemented(n) for n in rest)


def _raises_not_implemented(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(name, ast.Name) and name.id == "NotImplementedError"


def sql_text(source: str, name: str) -> str | None:
    """The SQL an answer gives: a %%sql cell, a bare .sql text, or a string constant bound to `name`.

    None if the source is Python that computes `name`, so that only running it can tell.
    """
    if match := _SQL_MAGIC.match(source):
        return source[match.end() :]
    if not re.search(rf"^\s*{re.escape(name)}\s*(:[^=\n]+)?=(?!=)", source, re.MULTILINE):
        return source
    for node in reversed(parse(source).body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                value = node.value
                if isinstance(value, ast.Constant) and (
                    isinstance(value.value, str) or value.value in (None, ...)
                ):
                    return value.value if isinstance(value.value, str) else ""
                return None
    return None


def is_blank_sql(text: str) -> bool:
    """Whether nothing is left of an SQL text once comments are gone."""
    without = re.sub(r"/\*.*?\*/", " ", re.sub(r"--[^\n]*", " ", text), flags=re.DOTALL)
    return not without.replace(";", " ").strip()


class JudgedAnswer:
    """Implements `running.Answer` on a place."""

    def __init__(self, source: str, exercise: Exercise[Any], context: str, place: Place) -> None:
        self.source = source
        self.exercise = exercise.id
        self._exercise = exercise
        self._context = context
        self._place = place
        self._workers: list[WorkerHandle] = []
        self.output = ""
        self._examine()

    def _examine(self) -> None:
        """Tell untouched and unusable answers apart before anything runs."""
        if len(self.source) > MAX_SOURCE or "\0" in self.source:
            raise Rejected(f"The answer is longer than {MAX_SOURCE} characters or holds a NUL character.")
        if not self.source.strip():
            raise NotAnswered
        if self._exercise.kind == "sql":
            text = sql_text(self.source, self._exercise.binds[0])
            if text is not None and is_blank_sql(text):
                raise NotAnswered
            return
        tree = parse(self.source)
        if is_stub(tree, self._exercise.binds):
            raise NotAnswered
        missing = [n for n in self._exercise.binds if n not in bound_names(tree)]
        stars = any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(tree))
        if missing and not stars:
            raise Rejected(f"The answer must define {' and '.join(f'`{n}`' for n in missing)}.")

    @property
    def sql(self) -> str:
        name = self._exercise.binds[0]
        text = sql_text(self.source, name)
        if text is None:
            reply = self.spawn().value(name)
            if not isinstance(reply.value, str):
                raise Rejected(f"`{name}` must be a string of SQL.")
            text = reply.value
        if is_blank_sql(text):
            raise NotAnswered
        return text

    def spawn(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        driver: str = "",
        callbacks: Mapping[str, Callable[..., Any]] | None = None,
        start_timeout: float = 10.0,
    ) -> WorkerHandle:
        sock, pid = self._place.fork()
        worker = WorkerHandle(Channel(sock), pid, self._place, dict(callbacks or {}))
        self._workers.append(worker)
        source = "" if self._exercise.kind == "sql" and _SQL_MAGIC.match(self.source) else self.source
        worker.load(self._context, source, driver, dict(environ or {}), self._exercise.binds, start_timeout)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()


class WorkerHandle:
    """The judge's end of a worker. Everything it receives is treated as a claim, not as a fact."""

    def __init__(
        self, channel: Channel, pid: int, place: Place, callbacks: dict[str, Callable[..., Any]]
    ) -> None:
        self.pid = pid
        self.dead = False
        self._channel = channel
        self._place = place
        self._callbacks = callbacks
        self._calls: dict[int, PendingCall] = {}
        self._next = 0

    def load(
        self,
        context: str,
        source: str,
        driver: str,
        environ: dict[str, str],
        binds: tuple[str, ...],
        timeout: float,
    ) -> None:
        message = {"op": "load", "context": context, "source": source, "driver": driver}
        self._send({**message, "environ": environ, "binds": list(binds)})
        deadline = time.monotonic() + timeout
        while True:
            reply = self._receive(deadline)
            if reply is None or time.monotonic() > deadline:
                raise Rejected("Running the answer's cell ended its process or took longer than allowed.")
            if reply.get("op") == "loaded":
                break
            self._handle(reply)
        error = _error(reply.get("error"))
        if error is not None:
            if error.kind == "not_answered":
                raise NotAnswered
            where = f"line {error.line} of " if error.line else ""
            raise Rejected(f"Running {where}the answer raised {error.type}: {error.message}")
        names, empty = (_list(reply.get(key)) for key in ("names", "empty"))
        if missing := [n for n in binds if n not in names]:
            raise Rejected(f"The answer must define {' and '.join(f'`{n}`' for n in missing)}.")
        if len(empty) == len(binds) > 0:
            raise NotAnswered

    def start(self, name: str, *args: Any, **kwargs: Any) -> PendingCall:
        message = {"op": "call", "name": name, "args": encode(list(args)), "kwargs": encode(kwargs)}
        return self._begin(message)

    def call(self, name: str, *args: Any, timeout: float = 10.0, **kwargs: Any) -> Reply:
        return self.start(name, *args, **kwargs).result(timeout)

    def value(self, name: str) -> Reply:
        return self._begin({"op": "value", "name": name}).result(10.0)

    def kill(self) -> None:
        if not self.dead:
            self.dead = True
            self._place.kill(self.pid)
            self._channel.close()
            for call in list(self._calls.values()):  # somebody may be waiting for one, in another thread
                call.reply = call.reply or Reply(ended="died")

    def fileno(self) -> int:
        """Readable when something of this worker waits to be handled; -1 once it is dead."""
        return self._channel.fileno()

    def pump(self, timeout: float = 0.0) -> bool:
        """Handles what has arrived, waiting at most `timeout` seconds for the first message.

        Returns whether anything was handled. Callbacks of the answer run here, in the judge.
        """
        handled = False
        enough = time.monotonic() + max(
            timeout, 0.05
        )  # a worker that never stops sending must not keep us here
        while not self.dead and not (handled and time.monotonic() > enough):
            try:
                if not self._channel.pending():
                    wait = 0.0 if handled else timeout
                    if not select.select([self._channel], [], [], max(0.0, wait))[0]:
                        break
            except (OSError, ValueError):  # closed by another thread, which killed the worker meanwhile
                if not self.dead:
                    raise
                break
            message = self._receive(time.monotonic() + 5.0)
            if message is None:
                break
            self._handle(message)
            handled = True
        return handled

    def _begin(self, message: dict[str, Any]) -> PendingCall:
        self._next += 1
        call = PendingCall(self, self._next)
        self._calls[self._next] = call
        self._send({**message, "id": self._next})
        return call

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._channel.sock.settimeout(SEND_TIMEOUT)
            self._channel.send(message)
        except OSError:  # gone, or it does not read
            self._died()

    def _receive(self, deadline: float) -> dict[str, Any] | None:
        if self.dead:
            return None
        try:
            message = self._channel.receive(max(0.001, deadline - time.monotonic()))
        except TimeoutError:
            return None
        except (ValueError, OSError):
            message = None
        if message is None:
            self._died()
        return message

    def _died(self) -> None:
        self.kill()

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("op") == "ask":
            self._send({"op": "answered", "n": message.get("n"), **self._answer(message)})
        elif message.get("op") == "reply" and isinstance(id := message.get("id"), int) and id in self._calls:
            self._calls.pop(id).reply = _reply(message)

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        handler = self._callbacks.get(str(message.get("name")))
        if handler is None:
            return {"error": "no such callback"}
        try:
            args, kwargs = decode(message.get("args", [])), decode(message.get("kwargs", {}))
        except (ValueError, TypeError, KeyError, IndexError):
            return {"error": "malformed arguments"}
        try:
            return {"value": encode(handler(*args, **kwargs))}
        except InfrastructureFault:
            raise
        except Exception as error:  # a handler may refuse on purpose; the answer sees why
            return {"error": f"{type(error).__name__}: {error}"}


class PendingCall:
    """A call under way; implements `running.Call`."""

    def __init__(self, worker: WorkerHandle, id: int) -> None:
        self.worker = worker
        self.id = id
        self.reply: Reply | None = Reply(ended="died") if worker.dead else None

    def fileno(self) -> int:
        return self.worker.fileno()

    def done(self) -> bool:
        if self.reply is None:
            self.worker.pump()
        return self.reply is not None

    def result(self, timeout: float = 10.0) -> Reply:
        deadline = time.monotonic() + timeout
        while self.reply is None:
            left = deadline - time.monotonic()
            if left <= 0:
                self.worker.kill()
                self.reply = Reply(ended="timeout")
                break
            self.worker.pump(left)
        return self.reply


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _error(data: Any) -> Error | None:
    if not isinstance(data, dict):
        return None
    claimed = data.get("kind")
    kind: ErrorKind = claimed if claimed in _KINDS else "domain"
    name = str(data.get("type", ""))[:80]
    if kind == "domain" and name not in KNOWN_ERRORS:
        name = "an error of its own"  # a class name the answer chose is text the learner wrote: not echoed
    line = data.get("line")
    return Error(
        kind,
        name,
        str(data.get("message", ""))[:2000],
        str(data.get("sqlstate", ""))[:5],
        line if isinstance(line, int) else 0,
    )


def _reply(message: dict[str, Any]) -> Reply:
    states = message.get("connections")
    connections = {str(k): str(v) for k, v in states.items()} if isinstance(states, dict) else {}
    output = str(message.get("output", ""))[:11_000]
    if (error := _error(message.get("error"))) is not None:
        ended = "memory" if error.type == "MemoryError" else ""
        return Reply(error=error, output=output, connections=connections, ended=ended)  # type: ignore[arg-type]
    try:
        return Reply(value=decode(message.get("value")), output=output, connections=connections)
    except (ValueError, TypeError, ArithmeticError, KeyError, IndexError, RecursionError):
        return Reply(
            error=Error("builtin", "ValueError", "the answer returned a malformed value"), output=output
        )
