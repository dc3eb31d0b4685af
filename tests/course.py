"""A tiny course of its own, and a real kernel to open its lab in."""

from __future__ import annotations

import json
import os
import queue
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

CHECKS = '''
"""Checks of a two-exercise lab."""
from grader.checks.exercise import LabChecks, fail
from grader.verdict import Evidence

lab = LabChecks("90-tiny", context="import math")


@lab.exercise("double", points=2, hints=("What is twice?", "Look at +.", "Return a sum."))
def double(answer, bench):
    worker = answer.spawn()
    return [worker.call("double", n) for n in (0, 1, 21)]


@double.property(misconception="Squaring agrees with doubling at 0 and 2 only.")
def doubles_one(history):
    """Twice one is two."""
    reply = history[1]
    return reply.value == 2 or fail("2", f"{reply.value!r} {reply.error.message if reply.error else ''}")


@double.property()
def keeps_zero(history):
    """Twice nothing is nothing."""
    return history[0].value == 0 or fail("0", f"{history[0].value!r}")


@lab.exercise("pick", points=1, kind="sql", hints=("a", "b", "c"))
def pick(answer, bench):
    return answer.sql


@pick.property()
def counts(history):
    """The statement counts."""
    return "count" in history or fail("a count", history)


@lab.exercise("turns", points=1, hints=("a", "b", "c"))
def turns(answer, bench):
    answer.spawn()
    return bench.schedule or "1 2 1 2"


@turns.property()
def in_turn(history):
    """Nobody is interrupted."""
    numbers = history.split()
    steps = [{"lane": f"T{n}", "text": f"UPDATE accounts SET balance = {i}"} for i, n in enumerate(numbers)]
    data = {"lanes": ["T1", "T2"], "steps": steps, "broken_at": 2, "conclusion": "Lost.", "schedule": history}
    return numbers == sorted(numbers) or fail("in turn", "interrupted", evidence=[Evidence("timeline", "Turns", data)])


@lab.exercise("pair", points=1, binds=("left", "right"), hints=("a", "b", "c"))
def pair(answer, bench):
    worker = answer.spawn()
    return worker.call("left"), worker.call("right")


@pair.property()
def both(history):
    """Both sides answer."""
    return [r.value for r in history] == ["l", "r"] or fail("l and r", str(history))
'''

SOLUTIONS = """
# %% [markdown]
# # A tiny lab

# %% context

# %% [markdown]
# Give twice the number: `double(4)` is 8.

# %% answer="double"
def double(n: int) -> int:
    ### BEGIN SOLUTION
    return n + n
    ### END SOLUTION

# %% check="double"

# %% [markdown]
# Count the customers.

# %% answer="pick"
# %%sql pick
# ### BEGIN SOLUTION
# SELECT count(*) FROM customers
# ### END SOLUTION

# %% check="pick"

# %% [markdown]
# Take turns.

# %% answer="turns"
def turns() -> None:
    ### BEGIN SOLUTION
    return None
    ### END SOLUTION

# %% check="turns"

# %% [markdown]
# Two sides.

# %% answer="pair"
def left() -> str:
    ### BEGIN SOLUTION
    return "l"
    ### END SOLUTION


def right() -> str:
    ### BEGIN SOLUTION
    return "r"
    ### END SOLUTION

# %% check="pair"
"""


def _cell(kind: str, source: str, **nbgrader: Any) -> dict[str, Any]:
    meta = {"nbgrader": {"schema_version": 3, "task": False, **nbgrader}} if nbgrader else {}
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"c{abs(hash(source))}",
        "metadata": meta,
        "source": source,
    }
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _answer(exercise: str, stub: str, points: float) -> list[dict[str, Any]]:
    solution = {"grade": False, "solution": True, "locked": False}
    graded = {"grade": True, "solution": False, "locked": True, "points": points}
    return [
        _cell("code", stub, grade_id=exercise, **solution),
        _cell("code", f'lab.check("{exercise}")', grade_id=f"check-{exercise}", **graded),
    ]


def release() -> dict[str, Any]:
    """The lab as a learner gets it."""
    return {
        "cells": [
            _cell("markdown", "# A tiny lab\n\nGive twice the number: `double(4)` is 8."),
            _cell("code", 'from grader import Lab\n\nlab = Lab("90-tiny")'),
            *_answer("double", "def double(n: int) -> int:\n    raise NotImplementedError", 2),
            *_answer("pick", "%%sql pick\n", 1),
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def make(root: Path) -> Path:
    """Writes the course into `root`."""
    for folder in ("notebooks", "solutions", "labs/90-tiny", "checks"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "checks" / "tiny.py").write_text(CHECKS)
    (root / "solutions" / "90-tiny.py").write_text(SOLUTIONS)
    (root / "labs" / "90-tiny" / "90-tiny.ipynb").write_text(json.dumps(release()))
    return root


class Outputs(list[dict[str, Any]]):
    """The outputs of one cell, as messages: {"type", ...content}."""

    @property
    def stdout(self) -> str:
        return "".join(o["text"] for o in self if o["type"] == "stream" and o["name"] == "stdout")

    @property
    def stderr(self) -> str:
        return "".join(o["text"] for o in self if o["type"] == "stream" and o["name"] == "stderr")

    @property
    def result(self) -> dict[str, str]:
        return next((o["data"] for o in self if o["type"] == "execute_result"), {})

    @property
    def displays(self) -> list[dict[str, Any]]:
        return [o for o in self if o["type"] in ("display_data", "update_display_data")]

    @property
    def error(self) -> str:
        return next(("\n".join(o["traceback"]) for o in self if o["type"] == "error"), "")


class Kernel:
    """A kernel to run cells in."""

    def __init__(self, cwd: Path) -> None:
        self.manager, self.client = start_new_kernel(cwd=str(cwd))
        self.late: list[dict[str, Any]] = []

    def run(self, source: str, timeout: float = 60) -> Outputs:
        return self.collect(self.send(source), timeout)

    def send(self, source: str) -> str:
        return str(self.client.execute(textwrap.dedent(source).strip("\n"), store_history=True))

    def collect(self, parent: str, timeout: float = 60) -> Outputs:
        """Everything the cell put out, until the kernel is idle again."""
        outputs = Outputs()
        deadline = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            kind, content = message["msg_type"], message["content"]
            if kind == "update_display_data" and message["parent_header"].get("msg_id") != parent:
                self.late.append({"type": kind, **content})
                continue
            if message["parent_header"].get("msg_id") != parent:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind in ("stream", "display_data", "execute_result", "update_display_data", "error"):
                outputs.append({"type": kind, **content})

    def next_update(self, timeout: float = 30) -> dict[str, Any]:
        """The next update of an earlier display, whoever sent it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["msg_type"] == "update_display_data":
                return dict(message["content"])
        raise AssertionError("no display was updated")

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextmanager
def opened(root: Path) -> Iterator[dict[str, str]]:
    """The course in `root` with servers of its own and a small shop as the learner's database.

    Gives the environment for a kernel, JupyterLab or `grader`; this process has it too meanwhile.
    """
    from homes import make_home, remove_home

    from grader import services, shop

    home = make_home()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "REDIS_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("GRADER_HOME", str(home))
        patch.setenv("GRADER_ROOT", str(make(root)))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        try:
            running = services.up()
            shop.ensure_template(running.postgres, "shop_small")
            shop.clone(running.postgres, "shop_small", "shop")
            yield dict(os.environ)
        finally:
            remove_home(home)
