"""The learner's folder `work/`: pristine copies to work in, and updates that never touch their edits.

`work/.copies.json` remembers a fingerprint of every file as it was copied. A file that still has it has not
been touched and may be replaced; any other is the learner's. Running a notebook does not count as touching it:
the fingerprint of a notebook is taken of its cells' texts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grader import catalog

_SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


class WorkspaceError(Exception):
    """A file is not as it should be; the message says which and what to do."""


What = Literal["new", "updated", "unchanged", "kept", "damaged"]


@dataclass(frozen=True)
class Synced:
    """What happened to one file. path: relative to the project root.

    kept: edited by the learner, and a newer one exists. damaged: a notebook that cannot be read any more
    (truncated, edited as text), left as it is.
    """

    path: str
    what: What


def folder() -> Path:
    """`work/` in the project root."""
    return catalog.root() / "work"


def start(slug: str) -> Path:
    """A pristine copy of a lab's folder in `work/`; returns the notebook.

    Raises WorkspaceError when the lab is unknown or unreadable, or when a copy is there already.
    """
    source = _released(slug)
    cells(source)  # a truncated release is told now, not in JupyterLab
    target = folder() / source.parent.name
    notebook = target / source.name
    if target.exists():
        shown = os.path.relpath(notebook, catalog.root())
        raise WorkspaceError(
            f"{shown} is there already and was left as it is: go on with it, or move {os.path.dirname(shown)} "
            "away to begin anew."
        )
    manifest = _Manifest.read()
    for file in _files(source.parent):
        manifest.copy(file, target / file.relative_to(source.parent))
    manifest.write()
    return notebook


def sync() -> list[Synced]:
    """Brings lessons, and the labs that were started, up to date where the learner has not edited them."""
    root, manifest = catalog.root(), _Manifest.read()
    pairs = [(f, folder() / "lessons" / f.name) for f in sorted((root / "notebooks").glob("*.ipynb"))]
    for release in sorted((root / "labs").glob("*/")):
        if (folder() / release.name).is_dir():
            pairs += [(f, folder() / release.name / f.relative_to(release)) for f in _files(release)]
    done = [Synced(os.path.relpath(target, root), manifest.bring(file, target)) for file, target in pairs]
    manifest.write()
    return done


def cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells of a notebook file. Raises WorkspaceError for one that is missing, truncated or not a notebook."""
    try:
        data = json.loads(notebook.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise WorkspaceError(
            f"{notebook.name} is missing: `grader build` or a fresh checkout brings it back."
        ) from None
    except (ValueError, OSError):
        raise WorkspaceError(
            f"{notebook.name} cannot be read as a notebook (truncated or edited as text?): restore it with "
            "`git checkout` or `grader build`."
        ) from None
    found = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(found, list) or not all(isinstance(c, dict) for c in found):
        raise WorkspaceError(f"{notebook.name} is JSON but not a notebook: restore it.")
    return found


def text_of(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _released(slug: str) -> Path:
    from grader.notebook.errors import did_you_mean

    base = catalog.root() / "labs"
    names = (
        sorted(p.name for p in base.iterdir() if (p / f"{p.name}.ipynb").is_file()) if base.is_dir() else []
    )
    wanted = slug.strip().strip("/")
    for name in names:
        if wanted in (name, name[:2], name[3:], name[3:].replace("-", "_")):
            return base / name / f"{name}.ipynb"
    raise WorkspaceError(f"There is no lab called {slug!r}. {did_you_mean(wanted, names)}")


def _files(base: Path) -> Iterator[Path]:
    """Regular files under a folder, links and caches left out."""
    if not base.is_dir():
        return
    for path in sorted(base.rglob("*")):
        if path.is_file() and not path.is_symlink() and not _SKIPPED & set(path.parts):
            yield path


def _readable(notebook: Path) -> bool:
    try:
        cells(notebook)
        return True
    except WorkspaceError:
        return False


def _fingerprint(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".ipynb":
        with suppress(WorkspaceError):  # damaged: whatever it is, it is not what was copied
            data = json.dumps([(c.get("cell_type"), text_of(c)) for c in cells(path)]).encode()
    return hashlib.sha256(data).hexdigest()


@dataclass
class _Manifest:
    """path relative to `work/` -> fingerprint of the file as it was copied."""

    copied: dict[str, str]

    @classmethod
    def read(cls) -> _Manifest:
        """An unreadable manifest only means that everything counts as the learner's."""
        try:
            data = json.loads((folder() / ".copies.json").read_text(encoding="utf-8"))
            return cls({str(k): str(v) for k, v in data.items()})
        except (OSError, ValueError, AttributeError):
            return cls({})

    def write(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        _replace(
            folder() / ".copies.json", json.dumps(self.copied, indent=1, sort_keys=True).encode() + b"\n"
        )

    def copy(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, source.read_bytes())
        self.copied[target.relative_to(folder()).as_posix()] = _fingerprint(source)

    def bring(self, source: Path, target: Path) -> What:
        known = self.copied.get(target.relative_to(folder()).as_posix())
        if not target.exists():
            self.copy(source, target)
            return "new"
        if target.suffix == ".ipynb" and not _readable(target):
            return "damaged"
        mine, theirs = _fingerprint(target), _fingerprint(source)
        if mine == theirs:
            self.copied[target.relative_to(folder()).as_posix()] = theirs
            return "unchanged"
        if mine == known:
            self.copy(source, target)
            return "updated"
        return "unchanged" if theirs == known else "kept"


def _replace(path: Path, data: bytes) -> None:
    """Writes beside and renames, so that a full disk or a kill leaves the old file whole."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
