"""The course as nbgrader sees it: where its folders are and which of its steps are ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from grader.classroom import steps


def configure(c: Any, root: Path, release_steps: list[str]) -> None:
    """Fills nbgrader's configuration for the course in `root`. release_steps: of generate_assignment, by name.

    Sources and releases are the checkout's `solutions/` and `labs/`; all that a class produces is kept in
    `work/course/`, and the exchange beneath the course's home, so that nothing machine-wide is needed;
    GRADER_EXCHANGE names another folder, where instructor and learners have checkouts of their own.
    A learner's copies are fetched into `work/` and submitted from there.
    """
    from grader.services import home

    os.environ.setdefault("GRADER_ROOT", str(root))  # the catalog of every kernel and judge started from here
    state = root / "work" / "course"
    state.mkdir(parents=True, exist_ok=True)
    exchange = Path(os.environ.get("GRADER_EXCHANGE") or home() / "exchange")
    exchange.mkdir(parents=True, exist_ok=True)

    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = "backend-mentor"
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "labs"
    for step in ("submitted", "autograded", "feedback", "solution", "source_with_tests"):
        c.CourseDirectory[f"{step}_directory"] = f"work/course/{step}"
    c.CourseDirectory.db_url = f"sqlite:///{state / 'gradebook.db'}"
    c.Exchange.root = str(exchange)
    c.Exchange.assignment_dir = str(root / "work")
    c.Exchange.cache = str(home() / "exchange-cache")

    c.GenerateAssignment.preprocessors = release_steps
    c.GenerateAssignment.force = True  # the release is generated, and its bytes do not change
    c.Autograde.exporter_class = "grader.classroom.autograde.SubmissionReader"
    c.Autograde.sanitize_preprocessors = steps.SANITIZE
    c.Autograde.autograde_preprocessors = steps.AUTOGRADE
    c.ExportApp.plugin_class = "nbgrader.plugins.CsvExportPlugin"
    c.CsvExportPlugin.to = str(state / "grades.csv")
