"""Results on disk, each written whole or not at all, so that a run may be killed anywhere and run again.

One file a submission's work: its name is the hash of what was judged, by what, and with which seed. A result that
was torn or altered does not match its own checksum and counts as missing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import grader
from grader.checks.exercise import InfrastructureFault

FORMAT = 1


class LedgerFull(InfrastructureFault):
    """A result could not be written down: no room, no permission. What was written before is safe."""


class Ledger:
    """A folder of results. Any number of processes may write to it at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get(self, key: str) -> dict[str, Any] | None:
        """The result kept under `key`; None if there is none, or only a damaged one."""
        try:
            kept = json.loads(self._path(key).read_bytes())
            body = kept["body"]
            whole = kept["format"] == FORMAT and kept["key"] == key and kept["check"] == _checksum(key, body)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return body if whole else None

    def put(self, key: str, body: dict[str, Any]) -> None:
        """Keeps `body` under `key`, for good once this returns. Raises LedgerFull."""
        data = json.dumps({"format": FORMAT, "key": key, "check": _checksum(key, body), "body": body})
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with open(handle, "wb") as file:
                    file.write(data.encode())
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(partial, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(partial)
                raise
            _sync_folder(path.parent)
        except OSError as error:
            raise LedgerFull(
                f"A result could not be written to {self.folder} ({error.strerror}); make room and run again: "
                "what is already judged is kept."
            ) from error

    def remove_partial(self) -> int:
        """Removes what killed writers left behind. Call while no other run writes."""
        found = list(self.folder.glob("??/.part-*"))
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def result_key(work: str, lab: str, release: bytes, checks: str, seed: int, box: str) -> str:
    """The name of a result: everything its value may depend on.

    work: `Submission.key`; release: the lab's released notebook; checks: `grader_version()`.
    """
    parts = [work, lab, hashlib.sha256(release).hexdigest(), checks, str(seed), box]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def grader_version(extra: Path | None = None) -> str:
    """A hash of every source file of the grader: a changed check is a different grader.

    extra: a folder of check modules kept outside the package.
    """
    digest = hashlib.sha256()
    package = Path(grader.__file__).parent
    for folder in (package, *([extra] if extra is not None and extra.is_dir() else [])):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".sql") and path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _checksum(key: str, body: dict[str, Any]) -> str:
    return hashlib.sha256((key + json.dumps(body, sort_keys=True)).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
