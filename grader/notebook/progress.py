"""The map of the course with what the learner has done: in a notebook, in a terminal, in plain text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from grader import catalog
from grader.notebook.attempts import Attempts, Standing

SIGNS = {"passed": "✓", "partly": "◐", "tried": "✗", "open": "·"}
_COLOURS = {"passed": "#2c6e49", "partly": "#8a6100", "tried": "#a32020", "open": "#777777"}


@dataclass(frozen=True)
class Mark:
    """One exercise on the map."""

    exercise: str
    points: float  # the most it can give
    standing: Standing

    @property
    def state(self) -> str:
        if self.standing.passed:
            return "passed"
        if self.standing.best > 0:
            return "partly"
        return "tried" if self.standing.tries else "open"

    @property
    def words(self) -> str:
        tries = self.standing.tries
        tried = f", {tries} {'try' if tries == 1 else 'tries'}" if tries else ""
        hints = f", {self.standing.hints} of 3 hints" if self.standing.hints else ""
        return f"{self.standing.best:g} of {self.points:g} points{tried}{hints}"


@dataclass(frozen=True)
class Stop:
    """One unit on the map. problem: why its exercises cannot be listed, "" otherwise."""

    slug: str
    title: str
    marks: tuple[Mark, ...]
    problem: str = ""

    @property
    def points(self) -> float:
        return sum(m.standing.best for m in self.marks)

    @property
    def max_points(self) -> float:
        return sum(m.points for m in self.marks)

    @property
    def passed(self) -> int:
        return sum(m.state == "passed" for m in self.marks)


@dataclass(frozen=True)
class Map:
    """All units in order."""

    stops: tuple[Stop, ...]

    @classmethod
    def read(cls, attempts: Attempts) -> Map:
        standings = attempts.standings()
        return cls(tuple(_stop(unit, standings) for unit in catalog.units()))

    def __repr__(self) -> str:
        lines: list[str] = []
        for stop in self.stops:
            lines.append(f"{stop.slug}  {stop.title}  {_sum(stop)}")
            lines += [f"  {SIGNS[m.state]} {m.exercise}: {m.words}" for m in stop.marks]
        return "\n".join(lines) or "There are no units yet."

    def _repr_html_(self) -> str:
        rows = "".join(_row(stop) for stop in self.stops)
        legend = ", ".join(f"{sign} {word}" for word, sign in SIGNS.items())
        return (
            '<div style="max-width:860px;font:14px/1.4 sans-serif">'
            f'{rows}<div style="font-size:12px;opacity:.75;margin-top:6px">{legend}</div></div>'
        )

    def print(self) -> None:
        """In colour where the terminal has it, complete without."""
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False, soft_wrap=True)
        width = max((len(m.exercise) for stop in self.stops for m in stop.marks), default=0)
        for stop in self.stops:
            console.print(
                Text(f"{stop.slug}  {stop.title}", style="bold"), Text(f" {_sum(stop)}", style="dim")
            )
            for mark in stop.marks:
                lead = Text(f"  {SIGNS[mark.state]} {mark.exercise:<{width}}", style=_COLOURS[mark.state])
                console.print(lead, Text(f" {mark.words}"))
        if not self.stops:
            console.print("There are no units yet.")


def _stop(unit: catalog.Unit, standings: dict[tuple[str, str], Standing]) -> Stop:
    try:
        exercises: dict[str, Any] = unit.checks().exercises
    except catalog.CatalogError:
        exercises, problem = {}, "" if not unit.has_lab else "no checks yet"
    except Exception as error:  # one unit that does not load must not hide the map
        exercises, problem = {}, f"cannot be loaded ({type(error).__name__})"
    else:
        problem = ""
    marks = tuple(
        Mark(id, e.points, standings.get((unit.slug, id), Standing())) for id, e in exercises.items()
    )
    return Stop(unit.slug, unit.title, marks, problem)


def _sum(stop: Stop) -> str:
    if stop.problem or not stop.marks:
        return stop.problem or "lesson only"
    return f"{stop.passed} of {len(stop.marks)} passed, {stop.points:g} of {stop.max_points:g} points"


def _row(stop: Stop) -> str:
    share = 100 * stop.points / stop.max_points if stop.max_points else 0
    chips = "".join(
        f'<span title="{escape(m.words, quote=True)}" style="display:inline-block;margin:2px 5px 2px 0;padding:1px 8px;'
        f'border:1px solid {_COLOURS[m.state]};border-radius:10px;font:12px ui-monospace,Menlo,monospace">'
        f'<b style="color:{_COLOURS[m.state]}">{SIGNS[m.state]}</b> {escape(m.exercise)}</span>'
        for m in stop.marks
    )
    return (
        '<div style="padding:7px 0;border-bottom:1px solid rgba(128,128,128,.3)">'
        f"<div><b>{escape(stop.slug[:2])} · {escape(stop.title)}</b> "
        f'<span style="opacity:.75;font-size:13px">{escape(_sum(stop))}</span></div>'
        f'<div style="height:4px;width:100%;background:rgba(128,128,128,.2);margin:4px 0">'
        f'<div style="height:4px;width:{share:.0f}%;background:{_COLOURS["passed"]}"></div></div>{chips}</div>'
    )
