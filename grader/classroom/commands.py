"""The instructor's commands. Imports are lazy, so that naming them costs nothing."""

from __future__ import annotations

from typing import Any

from grader.classroom import grading


def register(subparsers: Any) -> None:
    """Adds the commands; each parser's `run` default is the function (arguments) -> exit code."""
    grading.register(subparsers)
