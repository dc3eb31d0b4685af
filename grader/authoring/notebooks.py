"""Notebook files as deterministic bytes: stable cell ids, stable JSON, nothing that depends on the machine."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat as _nbformat

nbformat: Any = _nbformat  # half of its functions carry no types

FORMAT_MINOR = 5
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


class CellIds:
    """Cell ids from content: an edit changes one id, an insertion changes none. Equal cells are numbered."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        self._seen: Counter[str] = Counter()

    def of(self, key: str) -> str:
        self._seen[key] += 1
        text = f"{self._slug}\0{key}\0{self._seen[key]}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def markdown(ids: CellIds, source: str, metadata: dict[str, Any] | None = None) -> Any:
    return nbformat.v4.new_markdown_cell(source, id=ids.of(source), metadata=metadata or {})


def code(ids: CellIds, source: str, metadata: dict[str, Any] | None = None, key: str = "") -> Any:
    """key: what identifies the cell for ever where its text does not (an answer, a check)."""
    return nbformat.v4.new_code_cell(source, id=ids.of(key or source), metadata=metadata or {})


def notebook(cells: list[Any], **metadata: Any) -> Any:
    made = nbformat.v4.new_notebook(cells=cells, metadata={**METADATA, **metadata})
    made.nbformat_minor = FORMAT_MINOR
    return made


def to_bytes(made: Any) -> bytes:
    """Validated JSON with a trailing newline."""
    nbformat.validate(made)
    text: str = nbformat.writes(made)
    return (text.rstrip("\n") + "\n").encode()


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)
