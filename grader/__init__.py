"""The few names a notebook may import; everything else lives in the packages below.

Names load on first use, so that importing `grader.verdict` costs nothing more than itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.notebook.lab import Lab as Lab
    from grader.notebook.plans import explain as explain
    from grader.notebook.servers import connect as connect
    from grader.notebook.servers import redis as redis

_HOMES = {
    "Lab": "grader.notebook.lab",
    "explain": "grader.notebook.plans",
    "connect": "grader.notebook.servers",
    "redis": "grader.notebook.servers",
}

__all__ = ["Lab", "connect", "explain", "redis"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'grader' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext grader` gives the magics without a lab."""
    import_module("grader.notebook.magics").register(shell)
