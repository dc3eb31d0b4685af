"""Submitted files, read as what they are: bytes from strangers. Never raises for anything a learner can hand in.

The steps of one file: look (a regular file of bearable size), read, parse, take the answers by grade id, put them
into a copy of the release. What cannot be read is rejected with one clear reason; the class goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.classroom.rebuild import rebuild, unreadable
from grader.judge import cells

MAX_BYTES = 20 << 20  # with all its outputs; a lab's own notebook has some ten thousand bytes
_STUDENT = re.compile(r"[^/\0\n\r\t]{1,128}")


@dataclass(frozen=True)
class Submission:
    """One learner's lab as it will be judged and given back.

    answers: exercise -> source, from the answer cells alone. notebook: the release with these answers in it.
    rejected: why nothing could be taken, one sentence; empty otherwise. timestamp: as the learner's file has it.
    """

    student: str
    path: Path
    notebook: dict[str, Any]
    answers: dict[str, str] = field(default_factory=dict)
    rejected: str = ""
    timestamp: str = ""

    @property
    def key(self) -> str:
        """Names what is judged: two submissions with the same answers are the same work."""
        text = json.dumps([self.rejected, sorted(self.answers.items())], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def find(folder: Path, lab: str) -> Iterator[tuple[str, Path]]:
    """(student, path of the notebook they should have handed in) for `folder`/STUDENT/LAB/, in order of names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(".") or not _STUDENT.fullmatch(entry.name):
            continue
        if entry.is_symlink() or (entry.is_dir() and os.path.lexists(Path(entry.path) / lab)):
            yield entry.name, Path(entry.path) / lab / f"{lab}.ipynb"


def take(student: str, path: Path, release: dict[str, Any]) -> Submission:
    """The submission in the file at `path`. `release`: the lab's released notebook."""
    timestamp = _timestamp(path.parent / "timestamp.txt")
    try:
        submitted = cells.parse(_read(path))
    except cells.Unreadable as error:
        why = str(error)
        return Submission(student, path, unreadable(release, why), rejected=why, timestamp=timestamp)
    notebook = rebuild(release, submitted)
    wanted = {cells.exercise_checked(c) for c in release["cells"]} - {""}
    found = cells.answers(submitted, wanted)
    answers = {name: _printable(source) for name, source in found.items()}
    for cell in notebook["cells"]:
        cell["source"] = _printable(cells.source(cell) or "")
    return Submission(student, path, notebook, answers, timestamp=timestamp)


def _read(path: Path) -> bytes:
    """The file's bytes. Raises Unreadable for anything but a plain file of bearable size in plain folders."""
    for part in (path.parent.parent, path.parent, path):
        if part.is_symlink():
            raise cells.Unreadable("The submission is a link to somewhere else, not a notebook.")
    try:
        # Without O_NONBLOCK opening a named pipe would wait for ever for somebody to write to it.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise cells.Unreadable(f"There is no {path.name} in the submission.") from None
    except OSError as error:
        raise cells.Unreadable(f"The submitted file cannot be opened ({error.strerror}).") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise cells.Unreadable(f"{path.name} is not a file (a folder, a pipe or a device).")
        if found.st_size > MAX_BYTES:
            raise cells.Unreadable(
                f"The submitted file is larger than {MAX_BYTES >> 20} MB: clear the outputs and submit again."
            )
        with open(fd, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise cells.Unreadable(f"The submitted file cannot be read ({error.strerror}).") from None
    finally:
        os.close(fd)


def _printable(text: str) -> str:
    """The text with what UTF-8 cannot carry (half of a surrogate pair) replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _timestamp(path: Path) -> str:
    """nbgrader's timestamp file, "" if there is none worth reading."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 200:
            return ""
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
