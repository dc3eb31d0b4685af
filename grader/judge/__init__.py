"""Judging: intake of one answer, workers that run it, the verdict. See `judging.judge_answer`."""

from grader.judge.judging import UnknownExercise, judge_answer, load_checks, trusted_launcher
from grader.judge.launch import Launcher, Place, TrustedLauncher

__all__ = [
    "Launcher",
    "Place",
    "TrustedLauncher",
    "UnknownExercise",
    "judge_answer",
    "load_checks",
    "trusted_launcher",
]
