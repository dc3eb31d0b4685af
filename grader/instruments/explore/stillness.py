"""Whether a process sleeps, or only waits for its turn on a busy machine. Reads /proc; None where there is none."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def wants_to_run(pid: int) -> bool | None:
    """Whether any thread of process `pid` is running, ready to run, or in the middle of input or output."""
    try:
        states = [_fields(stat)[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return None
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
