"""The cells a kernel has run. IPython's own history lacks those run without it, as nbval and some editors do."""

from __future__ import annotations

from typing import Any

_logs: dict[int, ExecutedCells] = {}  # by the shell's identity; a kernel has one and keeps it


class ExecutedCells:
    """texts: raw source of every cell, oldest first; it grows as cells are run."""

    def __init__(self, shell: Any) -> None:
        self.texts: list[str] = list(shell.history_manager.input_hist_raw)
        shell.events.register("pre_run_cell", lambda info: self.texts.append(str(info.raw_cell)))


def executed_cells(shell: Any) -> list[str]:
    """What has run in `shell` so far. The first call begins to listen, so make it when a lab is opened."""
    if id(shell) not in _logs:
        _logs[id(shell)] = ExecutedCells(shell)
    return list(_logs[id(shell)].texts)
