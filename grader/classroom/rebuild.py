"""The learner's answers put into a fresh copy of the release: what a class run judges and gives back.

A submitted notebook may be truncated, edited, or hold metadata that stops nbgrader in mid-batch. So nothing of it
is kept but the text of its answer cells.
"""

from __future__ import annotations

import copy
from typing import Any

from grader.judge import cells

MISSING = "# This answer was missing from the submission; the cell is as it was released.\n"
NOTE = "grader"  # key of our notes in the notebook's metadata


def rebuild(release: dict[str, Any], submitted: dict[str, Any]) -> dict[str, Any]:
    """A copy of `release` with the answers of `submitted`. Both are notebooks as dicts, format 4."""
    made = copy.deepcopy(release)
    wanted = {cells.grade_id(c) for c in made["cells"] if _is_answer(c)}
    found = cells.answers(submitted, wanted)
    for cell in made["cells"]:
        cell["source"] = (
            cells.source(cell) or ""
        )  # the format allows a list of lines, nbgrader wants a string
        if _is_answer(cell):
            cell["source"] = found.get(cells.grade_id(cell), _missing(cell["source"]))
    return made


def unreadable(release: dict[str, Any], why: str) -> dict[str, Any]:
    """A copy of `release` without answers that says why there are none."""
    made = rebuild(release, {})
    made["metadata"][NOTE] = {"unreadable": why}
    return made


def why_unreadable(notebook: dict[str, Any]) -> str:
    note = notebook.get("metadata", {}).get(NOTE, {})
    return str(note.get("unreadable", ""))


def _is_answer(cell: dict[str, Any]) -> bool:
    nbgrader = cell.get("metadata", {}).get("nbgrader", {})
    return bool(nbgrader.get("solution")) and cell.get("cell_type") == "code"


def _missing(stub: str) -> str:
    """Said in the cell itself, in the comment style of its language; the answer stays unanswered."""
    if stub.startswith("%%sql"):
        magic, _, rest = stub.partition("\n")
        return f"{magic}\n{MISSING.replace('#', '--', 1)}{rest}"
    return MISSING + stub
