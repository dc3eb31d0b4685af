"""`grader grade LAB` on the command line: parse, run, print."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.classroom.grade import Progress
    from grader.classroom.summary import Summary

_SHOWN = 20  # names printed of one kind; --json has them all


def register(subparsers: Any) -> None:
    """Adds the command."""
    command = subparsers.add_parser("grade", help="judge a class and write nbgrader's gradebook; resumable")
    command.add_argument("lab", help="slug, number or name")
    command.add_argument("--submitted", type=Path, metavar="DIR", help="folder of STUDENT/LAB/LAB.ipynb")
    command.add_argument("--student", action="append", default=[], metavar="NAME", help="only this one")
    command.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    command.add_argument("--scheduler", default="", metavar="ADDR", help="a Dask scheduler: tcp://host:8786")
    command.add_argument("--seed-file", type=Path, metavar="FILE", help="the course's private seed")
    command.add_argument(
        "--box", choices=("bubblewrap", "landlock"), default="", help="refuse to run in any other"
    )
    command.add_argument(
        "--trusted", action="store_true", help="no sandbox: answers run with your rights; recorded"
    )
    command.add_argument("--json", action="store_true", help="the summary as data")
    command.set_defaults(run=run_grade)


def run_grade(arguments: argparse.Namespace) -> int:
    """0: every submission was graded or rejected; 1: some could not be judged; 2: the run could not be done."""
    from grader.checks.exercise import InfrastructureFault
    from grader.classroom.grade import Options, grade
    from grader.classroom.seed import SeedError

    options = Options(
        submitted=arguments.submitted,
        workers=max(1, arguments.workers),
        scheduler=arguments.scheduler,
        seed_file=arguments.seed_file,
        box="trusted" if arguments.trusted else arguments.box,
        students=tuple(arguments.student),
    )
    try:
        with _bar(arguments.lab, shown=not arguments.json and sys.stderr.isatty()) as progress:
            summary = grade(arguments.lab, options, progress)
    except (InfrastructureFault, SeedError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(asdict(summary), indent=1) if arguments.json else in_words(summary))
    return 1 if summary.infrastructure else 0


@contextmanager
def _bar(title: str, shown: bool) -> Iterator[Progress]:
    """A bar with the rate and the time left; silent where nobody watches."""
    if not shown:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, rate="")

        def progress(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")

        yield progress


def in_words(summary: Summary) -> str:
    """The summary a person reads."""
    lines = [
        f"{summary.lab}: {summary.submissions} submissions in {summary.seconds:.1f} s, box: {summary.box}.",
        f"  graded          {summary.graded}"
        f" ({summary.judged_now} judged now, the rest known; {summary.changed} changed in the gradebook)",
    ]
    for title, found in (
        ("rejected", summary.rejected),
        ("timed out", summary.timed_out),
        ("infrastructure", summary.infrastructure),
        ("odd values", summary.unreadable),
    ):
        lines.append(f"  {title:<15} {len(found)}")
        lines += [f"    {student}: {why}" for student, why in list(found.items())[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"    and {len(found) - _SHOWN} more (--json names them all)")
    if summary.unreadable:
        lines.append(
            "  A rule could not read what these returned: no points, but look whether it should have."
        )
    if summary.infrastructure:
        lines.append("  Nobody was given a zero for our fault: run the same command again for these.")
    if summary.exercise_seconds:
        lines.append("  median time of an exercise:")
        lines += [f"    {name:<24} {1000 * s:7.0f} ms" for name, s in summary.exercise_seconds.items()]
    for name, what in summary.weaknesses.items():
        lines.append(f"  weaker box, {name.replace('_', ' ')}: {what}.")
    return "\n".join(lines)
