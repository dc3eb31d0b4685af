"""The texts around an answer: its untouched stub, the course's solution, and what the learner had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from grader import catalog
from grader.notebook import workspace
from grader.notebook.errors import LabError
from grader.notebook.history import AnswerMissing, find_answer


def stub(slug: str, exercise: str) -> str:
    """The answer cell as released. Raises LabError when the lab's release is not there."""
    unit = catalog.Unit(slug, catalog.root())
    try:
        cells = workspace.cells(unit.lab)
    except workspace.WorkspaceError as error:
        raise LabError(str(error)) from None
    for cell in cells:
        mark = cell.get("metadata", {}).get("nbgrader", {})
        if mark.get("grade_id") == exercise and mark.get("solution"):
            return workspace.text_of(cell)
    raise LabError(f"{unit.lab.name} holds no answer cell for {exercise}: build the labs again.")


def solution(slug: str, exercise: str) -> str:
    """The course's answer, from the checkout's `solutions/`. Raises LabError when it is not shipped."""
    unit = catalog.Unit(slug, catalog.root())
    if not unit.lab_source.is_file():
        raise LabError(
            f"The solutions of {slug} are not part of this copy (a graded course keeps them): ask your instructor."
        )
    from grader.authoring import labs

    try:
        return labs.answers(unit)[exercise][0]
    except KeyError:
        raise LabError(f"{unit.lab_source.name} holds no solution of {exercise}.") from None


def keep(slug: str, exercise: str, cells: Sequence[str], names: Sequence[str]) -> str:
    """Saves the last executed answer under `work/.history`; returns where, relative to the project, or ""."""
    try:
        text = find_answer(cells, names)
    except AnswerMissing:
        return ""
    folder = workspace.folder() / ".history" / slug
    folder.mkdir(parents=True, exist_ok=True)
    path = _fresh(folder, f"{exercise}-{datetime.now():%Y%m%d-%H%M%S}")
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return os.path.relpath(path, catalog.root())


def _fresh(folder: Path, stem: str) -> Path:
    path, n = folder / f"{stem}.txt", 1
    while path.exists():
        n += 1
        path = folder / f"{stem}-{n}.txt"
    return path
