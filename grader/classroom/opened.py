"""One lab of the course, opened for a class run: its release, its folders, its ledger and its gradebook."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader import catalog
from grader.checks.exercise import InfrastructureFault
from grader.judge.ledger import Ledger


class CannotGrade(InfrastructureFault):
    """The run cannot start; the message says what to do."""


class OpenedLab:
    """The folders and the gradebook, as nbgrader's configuration names them."""

    def __init__(self, lab: str) -> None:
        self.unit = catalog.unit(lab)
        self.lab = self.unit.slug
        if not self.unit.lab.is_file():
            raise CannotGrade(f"There is no released {self.lab}: run `grader build {self.lab}` first.")
        self.release_bytes = self.unit.lab.read_bytes()
        self.release: dict[str, Any] = json.loads(self.release_bytes)
        self.root = catalog.root()
        # nbgrader calls `alembic` by name when it makes a gradebook, whether the environment is activated or not.
        beside = str(Path(sys.executable).parent)
        if beside not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
        self.config = _nbgrader_config(self.root)
        from nbgrader.coursedir import CourseDirectory  # type: ignore[import-untyped]

        self.folders = CourseDirectory(config=self.config)
        self.state = self.root / "work" / "course"
        self.state.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.state / "ledger")
        self._importer: Any = None

    @property
    def importer(self) -> Any:
        if self._importer is None:
            from nbgrader.preprocessors import AssignLatePenalties  # type: ignore[import-untyped]

            from grader.classroom.importer import Importer

            late = AssignLatePenalties(config=self.config)
            late.init_plugin()
            self._importer = Importer(self.folders.db_url, self.folders.course_id, self.lab, late.plugin_inst)
            self._importer.ensure_assignment(self.unit.lab, self.config)
        return self._importer

    def close(self) -> None:
        if self._importer is not None:
            self._importer.close()

    def path(self, step: str, student: str) -> Path:
        return Path(self.folders.format_path(step, student, self.lab))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One class run at a time; the lock ends with the process that holds it."""
        with open(self.state / "grading.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotGrade("Another `grader grade` is at work on this course; wait for it.") from None
            yield


def _nbgrader_config(root: Path) -> Any:
    from traitlets.config.loader import PyFileConfigLoader

    if not (root / "nbgrader_config.py").is_file():
        raise CannotGrade(f"There is no nbgrader_config.py in {root}; grade from a checkout of the course.")
    return PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
