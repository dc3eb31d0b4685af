"""Homes for servers of a test run's own: made in a short place, removed with all they hold.

In a module of its own, because a test cannot import from a conftest: there are several of that name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from grader.services.process import Process

_PREFIX = "bm-home-"


def make_home() -> Path:
    """A new home in a short place. The servers' user may pass through it but not list it."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    me = Process.of(os.getpid())
    assert me
    (folder / "owner").write_text(f"{me.pid} {me.started}")
    if os.getuid() == 0:
        folder.chmod(0o711)
    return folder


def remove_home(folder: Path) -> None:
    """Stops whatever runs in `folder` and deletes it with all it kept elsewhere."""
    from grader import services

    before = os.environ.get("GRADER_HOME")
    os.environ["GRADER_HOME"] = str(folder)
    try:
        services.down()
        services.forget()
    finally:
        if before is None:
            del os.environ["GRADER_HOME"]
        else:
            os.environ["GRADER_HOME"] = before
    shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers() -> None:
    """Stops and removes the homes of runs that were killed before they could do it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            pid, started = (folder / "owner").read_text().split()
        except (OSError, ValueError):
            continue  # somebody else's, or just being made
        if not Process(int(pid), started).alive():
            remove_home(folder)
