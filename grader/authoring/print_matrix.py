"""The kill matrix for a terminal: one table an exercise, rows answers, columns properties."""

from __future__ import annotations

import string
import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table

from grader.authoring.matrix import Matrix, Row
from grader.verdict import Status

WIDTH = 120  # when the output is not a terminal
NAMED_COLUMNS = 4  # more properties than this do not fit by name
_STYLE = {"PASS": "green", "FAIL": "red", "UNKNOWN": "yellow", "SKIP": "dim"}


def print_matrix(matrix: Matrix, file: TextIO | None = None) -> None:
    """Readable without colour: every outcome is a word."""
    out = file or sys.stdout
    console = Console(file=out, width=None if out.isatty() else WIDTH, highlight=False, soft_wrap=False)
    for exercise, properties in matrix.exercises.items():
        rows = [row for row in matrix.rows if row.variant.exercise == exercise]
        console.print(_table(f"{matrix.lab} / {exercise}", properties, rows))
        for row in rows:
            for problem in [*row.problems, *row.changed]:
                console.print(f"  {row.variant.name}: {problem}", style="red", markup=False)
    for gap in matrix.gaps:
        console.print(f"  {gap}", style="red", markup=False)
    console.print(summary(matrix), markup=False)


def summary(matrix: Matrix) -> str:
    data = matrix.to_json()
    times = f", each {matrix.repetitions} times" if matrix.repetitions > 1 else ""
    times += f" with {matrix.seeds} seeds" if matrix.seeds > 1 else ""
    return (
        f"{matrix.lab}: {len(matrix.rows)} answers{times}, {data['misjudged']} misjudged, {data['changed']} changed "
        f"verdicts, {len(matrix.gaps)} gaps; median {data['median_seconds'] * 1000:.0f} ms, "
        f"worst {data['worst_seconds'] * 1000:.0f} ms"
    )


def _table(title: str, properties: tuple[str, ...], rows: list[Row]) -> Table:
    """Many properties are columns named by letters, with a legend below."""
    letters = string.ascii_uppercase if len(properties) > NAMED_COLUMNS else ""
    legend = ", ".join(f"{letter} {name}" for letter, name in zip(letters, properties, strict=False))
    table = Table(title=title, title_justify="left", caption=legend or None, caption_justify="left")
    table.add_column("answer", no_wrap=True)
    for number, name in enumerate(properties):
        table.add_column(letters[number] if letters else name.replace("_", " "), justify="center")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("right", justify="center", no_wrap=True)
    for row in rows:
        outcomes = {f.property: str(f.outcome) for f in row.verdict.findings}
        points = f"{row.verdict.points:g}" if row.verdict.status is Status.JUDGED else str(row.verdict.status)
        cells = [_cell(outcomes.get(name, "")) for name in properties]
        table.add_row(row.variant.name, *cells, points, "yes" if row.ok else "NO")
    return table


def _cell(outcome: str) -> str:
    style = _STYLE.get(outcome)
    return f"[{style}]{outcome.lower() if outcome != 'FAIL' else outcome}[/]" if style else "-"
