"""`grader build`: sources into notebooks, solutions and labs. All or nothing, and the same bytes every time.

The pipeline of one build: plan every file in memory, scan for leaks, then write each by rename.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader.authoring import labs, lessons, notebooks, published
from grader.authoring.leaks import fragments, leaks
from grader.authoring.source import SourceError, read_source, stub_text
from grader.catalog import CatalogError, Unit
from grader.catalog import units as all_units

Say = Callable[[str], None]


@dataclass
class Plan:
    """What the build would leave on disk. Paths are relative to the project root."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)  # generated earlier, from a source that is gone
    problems: list[str] = field(default_factory=list)


def build(units: list[Unit], root: Path, say: Say = print, *, execute: bool = False) -> int:
    """Writes what changed; returns the number of files written or removed.

    execute: run the lessons even when their source did not change.
    Raises SourceError, with nothing written, when any source is wrong or a solution would leak.
    """
    plan = plan_labs(units, root)
    for unit in units:
        if unit.has_lesson and not plan.problems:
            _plan_lesson(plan, unit, say, execute)
    if plan.problems:
        raise SourceError("\n".join(plan.problems))
    changed = [path for path in plan.files if _on_disk(root / path) != plan.files[path]]
    for path in changed:
        _write(root / path, plan.files[path])
        say(f"wrote {path}")
    for path in sorted(plan.stale):
        _remove(root / path, root)
        say(f"removed {path}")
    return len(changed) + len(plan.stale)


def drift(units: list[Unit], root: Path) -> list[str]:
    """What `grader build` would change or refuse, one sentence each; runs no lesson and writes nothing."""
    plan = plan_labs(units, root)
    found = list(plan.problems)
    for path, content in plan.files.items():
        have = _on_disk(root / path)
        if have != content:
            found.append(f"{path} is missing." if have is None else f"{path} differs from its source.")
    found += [f"{path} has no source any more." for path in sorted(plan.stale)]
    found += [sentence for unit in units if unit.has_lesson for sentence in _lesson_drift(unit)]
    return found


def plan_labs(units: list[Unit], root: Path) -> Plan:
    """Solution notebooks and released labs of the units, scanned for leaks."""
    plan = Plan(root)
    for unit in units:
        if unit.has_lab:
            with _collecting(plan):
                _plan_lab(plan, unit)
    whole = {unit.slug for unit in units} >= {unit.slug for unit in all_units(root)}
    if not plan.problems:
        generated = _generated(root, None if whole else {unit.slug for unit in units})
        plan.stale = {path.relative_to(root).as_posix() for path in generated} - plan.files.keys()
    return plan


def _plan_lab(plan: Plan, unit: Unit) -> None:
    solution = notebooks.to_bytes(labs.solution_notebook(unit))
    extra = labs.assets(unit)
    released = labs.release(unit, solution, extra)
    plan.problems += lab_leaks(unit, released)
    plan.files[f"solutions/{unit.slug}/{unit.slug}.ipynb"] = solution
    plan.files[published.path_of(unit)] = published.page(unit)
    for name, content in released.items():
        plan.files[f"labs/{unit.slug}/{name}"] = content


def solution_fragments(unit: Unit) -> dict[str, list[str]]:
    """exercise -> the giveaways of its solution."""
    checks = unit.checks()
    given = [labs.context_source(checks)]
    found = {}
    for cell in read_source(unit.lab_source):
        if cell.role == "answer":
            exercise = checks.exercises[cell.exercise]
            stub = stub_text(cell.source, exercise.kind, exercise.binds)
            found[cell.exercise] = fragments(cell.source, [*given, stub])
    return found


def lab_leaks(unit: Unit, released: dict[str, bytes]) -> list[str]:
    files = {
        f"labs/{unit.slug}/{name}": content.decode("utf-8", "replace") for name, content in released.items()
    }
    return leaks(solution_fragments(unit), files)


def _plan_lesson(plan: Plan, unit: Unit, say: Say, execute: bool) -> None:
    with _collecting(plan):
        made = lessons.lesson_notebook(unit)
        if not execute and not _lesson_drift(unit):
            return
        say(f"running notebooks/{unit.slug}.py")
        plan.files[f"notebooks/{unit.slug}.ipynb"] = notebooks.to_bytes(lessons.execute(unit, made))


def _lesson_drift(unit: Unit) -> list[str]:
    """Compares everything but the outputs."""
    name = f"notebooks/{unit.slug}.ipynb"
    if not unit.lesson.is_file():
        return [f"{name} is missing."]
    try:
        wanted = notebooks.to_bytes(lessons.lesson_notebook(unit))
        kept = notebooks.read(unit.lesson)
        if notebooks.to_bytes(lessons.without_outputs(kept)) != wanted:
            return [f"{name} differs from its source."]
        return lessons.scan(kept, unit)
    except SourceError as error:
        return [str(error)]
    except Exception as error:
        return [f"{name} is not a readable notebook ({type(error).__name__})."]


def _generated(root: Path, slugs: set[str] | None) -> Iterator[Path]:
    """Generated files of the units: all of `labs/NN-slug/`, the notebooks in `solutions/NN-slug/`."""
    for folder, pattern in (("labs", "**/*"), ("solutions", "*.ipynb")):
        for unit_folder in sorted((root / folder).glob("[0-9][0-9]-*/")):
            if slugs is None or unit_folder.name in slugs:
                files = (p for p in sorted(unit_folder.glob(pattern)) if p.is_file())
                yield from (p for p in files if ".ipynb_checkpoints" not in p.parts)


class _collecting:
    """Turns a refusal of one unit into a line of the plan, so that one build reports them all."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, SourceError | CatalogError):
            self._plan.problems.append(str(error))
            return True
        return False


def _on_disk(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove(path: Path, root: Path) -> None:
    path.unlink()
    parent = path.parent
    while parent != root and not any(parent.iterdir()):
        parent.rmdir()
        parent = parent.parent
