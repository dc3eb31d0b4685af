"""Judging: intake of one answer, workers that run it, the verdict. See `judging.judge_answer`.

Names load on first use, so that `grader status` does not pay for the drivers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.judge.judging import UnknownExercise, judge_answer, load_checks, trusted_launcher
    from grader.judge.launch import Launcher, Place, TrustedLauncher

_HOMES = {"Launcher": "launch", "Place": "launch", "TrustedLauncher": "launch"}

__all__ = [
    "Launcher",
    "Place",
    "TrustedLauncher",
    "UnknownExercise",
    "judge_answer",
    "load_checks",
    "trusted_launcher",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'grader.judge' has no attribute {name!r}")
    return getattr(import_module(f"grader.judge.{_HOMES.get(name, 'judging')}"), name)
