"""Whether a process sleeps, or only waits for its turn on a busy machine. Reads /proc; None where there is none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def wants_to_run(pid: int, besides: int = 0) -> bool | None:
    """Whether any thread of process `pid` is running, ready to run, or in the middle of input or output.

    besides: a thread, by its kernel's number, that is not asked about: the one that asks.
    """
    states = []
    for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            if task.name != str(besides):
                states.append(_fields(task / "stat")[0])
    return any(state in "RD" for state in states) if states else None


def cpu_seconds(pid: int) -> float | None:
    """Processor time process `pid` has used so far, in seconds."""
    try:
        fields = _fields(Path(f"/proc/{pid}/stat"))
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICK


def _fields(stat: Path) -> list[str]:
    """The fields after the command's name, which may hold anything; the first is the state."""
    return stat.read_text().rpartition(")")[2].split()
