"""Answers out of a submitted notebook. The notebook is data of unknown shape: nothing in it is believed.

Only the text of answer cells, found by grade id, is ever taken; everything else comes from the release.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

CHECK_PREFIX = "check-"  # grade id of the check cell of exercise "transfer": "check-transfer"


class Unreadable(Exception):
    """The submitted file holds no notebook; the message is one sentence for the learner."""


def parse(content: bytes) -> dict[str, Any]:
    """The notebook in a file's bytes, as a dict that has a list of cells. Raises Unreadable."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(
            "The submitted file is not UTF-8 text: save the notebook again and resubmit."
        ) from None
    try:
        notebook = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        what = "is empty" if not text.strip() else "is not complete JSON (truncated or edited by hand?)"
        raise Unreadable(f"The submitted file {what}: save the notebook again and resubmit.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("The submitted file is JSON, but not a notebook of format 4.")
    return notebook


def answers(notebook: dict[str, Any], exercises: Collection[str]) -> dict[str, str]:
    """exercise -> source of its answer cell, for the exercises that have one.

    Of several cells with one grade id the last counts, as nbgrader and the notebook's own check have it.
    """
    return {name: source for name, source in _named_sources(notebook) if name in exercises}


def grade_id(cell: Any) -> str:
    """The nbgrader grade id of a cell, "" for anything without one."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    found = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return found if isinstance(found, str) else ""


def source(cell: dict[str, Any]) -> str | None:
    """A cell's text, which the format allows to be a string or a list of lines; None if it is neither."""
    text = cell.get("source")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    return text if isinstance(text, str) else None


def exercise_checked(cell: Any) -> str:
    """The exercise whose check cell this is, else ""."""
    name = grade_id(cell)
    return name.removeprefix(CHECK_PREFIX) if name.startswith(CHECK_PREFIX) else ""


def _named_sources(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    cells = notebook.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        name = grade_id(cell)
        text = source(cell) if name else None
        if text is not None:
            yield name, text
