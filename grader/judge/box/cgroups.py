"""Caps on what a whole box may use together, where the host lets us make control groups.

rlimits are per process; a cgroup counts a box's processes and memory as one, tmpfs included.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


class Cgroup:
    """A control group of one box; does nothing, and says so, where none can be made."""

    def __init__(self, name: str, *, memory: int, processes: int) -> None:
        self.folders: list[Path] = []
        for folder, limits in _wanted(name, memory, processes):
            if _make(folder, limits):
                self.folders.append(folder)

    def wrap(self, command: list[str]) -> list[str]:
        """The command, started by a shell that first joins the groups."""
        if not self.folders:
            return command
        join = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in self.folders)
        return ["/bin/sh", "-c", f'{join}; exec "$@"', "sh", *command]

    def close(self) -> None:
        for folder in self.folders:
            remove(folder)


def remove(folder: Path) -> None:
    """Removes a group whose processes have been killed. The kernel may need a moment to let go of the last."""
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(pid), 9)
            os.sched_yield()


def _wanted(name: str, memory: int, processes: int) -> list[tuple[Path, dict[str, int]]]:
    if (_ROOT / "cgroup.controllers").exists():
        here = _own_group()
        return [(here / name, {"memory.max": memory, "memory.swap.max": 0, "pids.max": processes})]
    return [
        (_ROOT / "memory" / name, {"memory.limit_in_bytes": memory}),
        (_ROOT / "pids" / name, {"pids.max": processes}),
    ]


def _own_group() -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return _ROOT / line[3:].strip().lstrip("/")
    return _ROOT


def _make(folder: Path, limits: dict[str, int]) -> bool:
    try:
        folder.mkdir()
    except OSError:
        return False
    try:
        for name, value in limits.items():
            if name.endswith("swap.max") and not (folder / name).exists():
                continue
            (folder / name).write_text(str(value))
        return True
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return False
