"""The command `grader judge`: one answer from a file, or every answer of a notebook."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.verdict import Verdict


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "judge",
        help="judge one answer held in a file, or a whole notebook",
        description="Exit code 0: full marks. 1: not. 2: could not be judged.",
    )
    parser.add_argument("lab", help='slug, number or name: "04-transactions", "04", "transactions"')
    parser.add_argument(
        "exercise", nargs="?", help='such as "transfer"; omitted with --notebook: all of them'
    )
    parser.add_argument("file", nargs="?", type=Path, help="Python or SQL; - reads standard input")
    parser.add_argument("--notebook", type=Path, help="judge the answer cells of this notebook")
    parser.add_argument("--json", action="store_true", help="the verdicts as JSON")
    parser.add_argument("--seed", type=int, help="private parameters (default: $GRADER_SEED, else 1)")
    parser.add_argument("--schedule", help="replay one schedule, as a counterexample names it")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from grader import show
    from grader.judge.cells import Unreadable
    from grader.judge.judging import UnknownExercise, judge_answer, load_checks

    try:
        checks = load_checks(arguments.lab)
        verdicts = [
            judge_answer(checks, exercise, source, seed=arguments.seed, schedule=arguments.schedule)
            for exercise, source in _sources(arguments, list(checks.exercises)).items()
        ]
    except (UnknownExercise, Unreadable, OSError, UnicodeDecodeError) as error:
        print(f"grader judge: {_words(error)}", file=sys.stderr)
        return 2
    if arguments.json:
        found = [v.to_json() for v in verdicts]
        print(json.dumps(found if arguments.notebook else found[0], indent=1))
    else:
        print("\n\n".join(show.card_text(v) for v in verdicts))
    return _exit_code(verdicts)


def _sources(arguments: argparse.Namespace, exercises: list[str]) -> dict[str, str]:
    """exercise -> source to judge. Raises UnknownExercise, Unreadable or OSError with words for the user."""
    from grader.judge import cells
    from grader.judge.judging import UnknownExercise

    if arguments.notebook:
        wanted = [arguments.exercise] if arguments.exercise else exercises
        found = cells.answers(cells.parse(arguments.notebook.read_bytes()), exercises)
        return {name: found.get(name, "") for name in wanted}
    if not arguments.exercise or not arguments.file:
        raise UnknownExercise("name an exercise and a file, or a notebook with --notebook.")
    text = sys.stdin.read() if str(arguments.file) == "-" else arguments.file.read_text(encoding="utf-8-sig")
    return {arguments.exercise: text}


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8 text."
    return str(error)


def _exit_code(verdicts: list[Verdict]) -> int:
    from grader.verdict import Status

    if any(v.status is Status.INFRA for v in verdicts):
        return 2
    return 0 if all(v.passed for v in verdicts) else 1
