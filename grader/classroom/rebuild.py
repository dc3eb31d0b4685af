"""The learner's answers put into a fresh copy of the release: what a class run judges and gives back.

A submitted notebook may be truncated, edited, or hold metadata that stops nbgrader in mid-batch. So nothing of it
is kept but the text of its answer cells.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from grader.judge import cells

MISSING = "This answer was missing from the submission; the cell is as it was released."
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
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
            cell["source"] = _taken(cell, found.get(cells.grade_id(cell)))
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
    """Code that is judged, and text a person marks."""
    nbgrader = cell.get("metadata", {}).get("nbgrader", {})
    return bool(nbgrader.get("solution")) and cell.get("cell_type") in ("code", "markdown")


def _taken(cell: dict[str, Any], answer: str | None) -> str:
    released = str(cell["source"])
    if answer is None:
        return _missing(released, cell["cell_type"])
    if cell["cell_type"] == "markdown" and answer != released:
        # The page that shows it to a grader renders Markdown, and Markdown lets tags through, scripts among them.
        return _TAG.sub("&lt;", answer)
    return answer


def _missing(stub: str, kind: str) -> str:
    """Said in the cell itself, in the comment style of its language; the answer stays unanswered."""
    if kind == "markdown":
        return f"*{MISSING}*\n\n{stub}"
    if stub.startswith("%%sql"):
        magic, _, rest = stub.partition("\n")
        return f"{magic}\n-- {MISSING}\n{rest}"
    return f"# {MISSING}\n{stub}"
