"""The only writer of the gradebook in a class run: one transaction a submission, the same however often it runs.

nbgrader's own tables through nbgrader's own models, so that formgrader, feedback and export find what its autograde
would have left: submissions, scores, comments, late penalties, and what still has to be marked by hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbgrader import utils  # type: ignore[import-untyped]
from nbgrader.api import (  # type: ignore[import-untyped]
    Assignment,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.exc import OperationalError

from grader.checks.exercise import InfrastructureFault

PATIENCE = 60.0  # seconds another program (formgrader, an export) may hold the gradebook


class GradebookBusy(InfrastructureFault):
    """Another program kept the gradebook locked."""


class Importer:
    """Holds one connection to the gradebook for a run of one lab."""

    def __init__(self, db_url: str, course: str, lab: str, late: Any) -> None:
        """late: nbgrader's plugin for late penalties, configured."""
        self.lab = lab
        self._late = late
        self._book = Gradebook(db_url, course)
        self.db = self._book.db

    def close(self) -> None:
        self._book.close()

    def ensure_assignment(self, release: Path, config: Any) -> None:
        """Makes the assignment and its cells from the released notebook, if the gradebook has none of that name.

        nbgrader's own step does it, as `nbgrader generate_assignment` would.
        """
        try:
            self._book.find_notebook(self.lab, self.lab)
            return
        except MissingEntry:
            pass
        import nbformat
        from nbgrader.preprocessors import SaveCells  # type: ignore[import-untyped]

        self._book.update_or_create_assignment(self.lab)
        notebook = nbformat.read(release, as_version=4)  # type: ignore[no-untyped-call]
        named = {"db_url": str(self._book.engine.url.render_as_string(hide_password=False))}
        resources = {"nbgrader": {**named, "assignment": self.lab, "notebook": self.lab, "student": "."}}
        SaveCells(config=config).preprocess(notebook, resources)
        self.db.expire_all()

    def write(
        self, student: str, notebook: Mapping[str, Any], scores: Mapping[str, float | None], timestamp: str
    ) -> bool:
        """Brings one submission into the gradebook; returns whether anything changed.

        scores: grade id -> automatic score, None where a person must mark. Manual scores, extra credit and manual
        comments are kept. An infrastructure fault is no score: leave its grade id out and the old one stays.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                changed = self._write(student, notebook, scores, timestamp)
                self.db.commit()
                return changed
            except OperationalError as error:
                self.db.rollback()
                if time.monotonic() > deadline:
                    raise GradebookBusy(
                        "Another program keeps the gradebook locked; close it and run again: nothing is lost."
                    ) from error
            except BaseException:
                self.db.rollback()
                raise

    def _write(
        self, student: str, notebook: Mapping[str, Any], scores: Mapping[str, float | None], timestamp: str
    ) -> bool:
        submission = self._submission(student)
        if timestamp:
            with contextlib.suppress(ValueError, OverflowError, TypeError):
                stamp = utils.parse_utc(timestamp)
                if submission.timestamp != stamp:
                    submission.timestamp = stamp
        ours = next(n for n in submission.notebooks if n.notebook.name == self.lab)
        for grade in ours.grades:
            if grade.name in scores:
                _set_score(grade, scores[grade.name])
        comments = _comments(notebook)
        for comment in ours.comments:
            if comment.auto_comment != comments.get(comment.name):
                comment.auto_comment = comments.get(comment.name)
        changed = bool(self.db.new or self.db.dirty)
        self.db.flush()
        if changed:
            self.db.refresh(ours)
        self._penalise(submission, ours)
        return changed or bool(self.db.dirty)

    def _submission(self, student: str) -> Any:
        """The submission with a grade and a comment for each cell, as nbgrader makes them."""
        found = (
            self.db.query(SubmittedAssignment)
            .join(Assignment)
            .filter(Assignment.name == self.lab, SubmittedAssignment.student_id == student)
            .one_or_none()
        )
        if found is None:
            assignment = self.db.query(Assignment).filter(Assignment.name == self.lab).one()
            if self.db.get(Student, student) is None:
                self.db.add(Student(id=student))
            found = SubmittedAssignment(assignment_id=assignment.id, student_id=student)
            self.db.add(found)
            self.db.flush()
            for notebook in assignment.notebooks:
                self.db.add(SubmittedNotebook(notebook_id=notebook.id, assignment_id=found.id))
            self.db.flush()
        for notebook in found.notebooks:  # cells that were added to the lab since
            graded = {g.cell_id for g in notebook.grades}
            commented = {c.cell_id for c in notebook.comments}
            master = notebook.notebook
            for cell in (*master.grade_cells, *master.task_cells):
                if cell.id not in graded:
                    notebook.grades.append(Grade(cell_id=cell.id, notebook_id=notebook.id))
            for cell in (*master.solution_cells, *master.task_cells):
                if cell.id not in commented:
                    notebook.comments.append(Comment(cell_id=cell.id, notebook_id=notebook.id))
        self.db.flush()
        return found

    def _penalise(self, submission: Any, notebook: Any) -> None:
        """As nbgrader's AssignLatePenalties: the plugin's word, between nothing and the whole score."""
        penalty = None
        if submission.total_seconds_late > 0:
            wanted = self._late.late_submission_penalty(
                submission.student_id, notebook.score, submission.total_seconds_late
            )
            penalty = None if wanted is None else min(max(0.0, wanted), notebook.score)
        if notebook.late_submission_penalty != penalty:
            notebook.late_submission_penalty = penalty


def _set_score(grade: Any, score: float | None) -> None:
    by_hand = score is None
    if grade.auto_score == score and not (by_hand and grade.manual_score is None):
        # Judged before with the same outcome: what a person has settled since stays settled.
        if grade.needs_manual_grade and score is not None and grade.manual_score is None:
            grade.needs_manual_grade = False
        return
    grade.auto_score = score
    grade.needs_manual_grade = by_hand or grade.manual_score is not None


def _comments(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Answer cells left as they were released, by the checksum the release keeps in them."""
    import nbformat

    found = {}
    for cell in notebook["cells"]:
        node = nbformat.from_dict(cell)  # type: ignore[no-untyped-call]
        meta = node.metadata.get("nbgrader", {})
        untouched = meta.get("checksum") is not None and meta["checksum"] == utils.compute_checksum(node)
        if untouched and utils.is_solution(node) and not utils.is_task(node):
            found[meta["grade_id"]] = "No response."
    return found


def write_notebook(path: Path, notebook: Mapping[str, Any], timestamp: str) -> bool:
    """Writes an autograded notebook whole or not at all; returns whether its bytes changed."""
    data = (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if timestamp and not (path.parent / "timestamp.txt").exists():
        (path.parent / "timestamp.txt").write_text(timestamp + "\n", encoding="utf-8")
    if path.is_file() and path.read_bytes() == data:
        return False
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    return True
