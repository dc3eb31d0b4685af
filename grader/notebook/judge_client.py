"""Speaks to the judge, a process of its own: one JSON line a request, one a reply.

The judge never shares a process with the notebook's code. It is started in the background when the lab is
opened, so that the first check does not wait for its imports, and it dies with the kernel.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

from grader.verdict import Verdict

SAFETY_NET = 300.0  # seconds; a check has its own limits far below, this only ends a judge that hangs


class JudgeFailed(Exception):
    """The judge died, hung or broke: our fault, one clear sentence."""


class JudgeClient:
    """One judge process, started on demand, replaced when it dies. Calls are serialised."""

    def __init__(self, log: Path, environ: dict[str, str] | None = None) -> None:
        self._log = log
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The process id while one runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, lab: str = "") -> None:
        """Starts the process without waiting for it, warm for `lab`. Idempotent."""
        if self.pid is not None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "grader.judge.serve", "--lab", lab]
        if threading.current_thread() is threading.main_thread():
            # The kernel's death signal follows the *thread* that started the child.
            command += ["--die-with", str(os.getpid())]
        with self._log.open("ab") as log:
            self._buffer = b""
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # an interrupt in the notebook must not hit it half-way
                # A `redis.py` that lies beside the notebook must not become the judge's.
                env={**os.environ, **(self._environ or {}), "PYTHONSAFEPATH": "1"},
            )

    def judge(
        self,
        lab: str,
        exercise: str,
        source: str,
        *,
        schedule: str | None = None,
        waiting: Callable[[float], None] = lambda seconds: None,
    ) -> Verdict:
        """Judges one answer, under one `schedule` only if given. `waiting(seconds)` is called every second.

        A judge that died is replaced and asked once more. Raises JudgeFailed when that fails too;
        KeyboardInterrupt ends the running check (process group and all) before it propagates.
        """
        request = {"lab": lab, "exercise": exercise, "source": source, "schedule": schedule}
        with self._lock:
            try:
                try:
                    return self._ask(request, waiting)
                except (BrokenPipeError, EOFError):
                    self.kill()
                    return self._ask(request, waiting)
            except (BrokenPipeError, EOFError):
                self.kill()
                raise JudgeFailed(f"The judge stopped twice while judging; see {self._log.name}.") from None
            except KeyboardInterrupt:
                self.kill()
                raise

    def kill(self) -> None:
        """Ends the process and everything it started. The next check starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def close(self) -> None:
        """Asks the process to leave by closing its input; kills it if it does not."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        self.kill()

    def _ask(self, request: dict[str, str | None], waiting: Callable[[float], None]) -> Verdict:
        self.start(str(request["lab"]))
        process = self._process
        assert process is not None and process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        reply = self._read_line(waiting)
        if "failed" in reply:
            raise JudgeFailed(str(reply["failed"]))
        return Verdict.from_json(reply["verdict"])

    def _read_line(self, waiting: Callable[[float], None]) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        began = time.monotonic()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], 1.0)
            elapsed = time.monotonic() - began
            if ready:
                chunk = os.read(descriptor, 1 << 16)
                if not chunk:
                    raise EOFError
                self._buffer += chunk
            elif elapsed > SAFETY_NET:
                self.kill()
                raise JudgeFailed(
                    f"The judge did not answer within {SAFETY_NET:.0f} seconds and was stopped."
                )
            else:
                waiting(elapsed)
        line, self._buffer = self._buffer.split(b"\n", 1)
        reply: dict[str, Any] = json.loads(line)
        return reply
