"""The learner's source as a check sees it: parsed, never executed here, and run in workers elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from grader.checks.exercise import Exercise, NotAnswered, Rejected
from grader.judge.codec import Channel
from grader.judge.handle import WorkerHandle
from grader.judge.launch import Place
from grader.judge.source import SQL_MAGIC, bound_names, is_blank_sql, is_stub, parse, sql_text

MAX_SOURCE = 200_000  # characters; no exercise needs a hundredth of it


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
        source = "" if self._exercise.kind == "sql" and SQL_MAGIC.match(self.source) else self.source
        binds, process = self._exercise.binds, len(self._workers)
        worker.load(self._context, source, driver, dict(environ or {}), binds, start_timeout, process)
        return worker

    def helper(self, driver: str) -> WorkerHandle:
        sock, pid = self._place.fork()
        worker = WorkerHandle(Channel(sock), pid, self._place, {})
        self._workers.append(worker)
        worker.load("", "", driver, {}, (), 10.0)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
