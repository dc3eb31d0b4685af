"""The learner's commands: start, sync, progress. Imports are lazy, so that naming them costs nothing."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any


def register(subparsers: Any) -> None:
    """Adds the commands; each parser's `run` default is the function (arguments) -> exit code."""
    start = subparsers.add_parser("start", help="a pristine copy of a lab in work/")
    start.add_argument("lab", metavar="LAB", help="slug, number or name: 02-indexing, 02, indexing")
    start.set_defaults(run=run_start)
    sync = subparsers.add_parser("sync", help="update what you have not edited in work/")
    sync.set_defaults(run=run_sync)
    progress = subparsers.add_parser("progress", help="the map of the course with what you have done")
    progress.set_defaults(run=run_progress)


def run_start(arguments: argparse.Namespace) -> int:
    from grader import catalog
    from grader.notebook import workspace

    try:
        notebook = workspace.start(arguments.lab)
    except (workspace.WorkspaceError, catalog.CatalogError, OSError) as error:
        return _refuse(error)
    print(f"Open {os.path.relpath(notebook, catalog.root())} in JupyterLab.")
    return 0


def run_sync(arguments: argparse.Namespace) -> int:
    from grader import catalog
    from grader.notebook import workspace

    try:
        done = workspace.sync()
    except (workspace.WorkspaceError, catalog.CatalogError, OSError) as error:
        return _refuse(error)
    for one in done:
        if one.what == "kept":
            print(f"kept     {one.path} (you have edited it; a newer version exists)")
        elif one.what == "damaged":
            print(
                f"damaged  {one.path} (not a whole notebook any more; move it away and sync or start again)"
            )
        elif one.what != "unchanged":
            print(f"{one.what:8} {one.path}")
    changed = sum(one.what in ("new", "updated") for one in done)
    print(f"{changed} of {len(done)} files updated" if changed else "Everything is up to date.")
    return 0


def run_progress(arguments: argparse.Namespace) -> int:
    from grader import catalog, services
    from grader.notebook.attempts import Attempts
    from grader.notebook.progress import Map

    try:
        Map.read(Attempts(services.home() / "attempts.jsonl")).print()
    except catalog.CatalogError as error:
        return _refuse(error)
    return 0


def _refuse(error: Exception) -> int:
    print(error, file=sys.stderr)
    return 1
