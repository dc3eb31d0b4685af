"""`grader grade LAB`: a class judged and brought into nbgrader's gradebook. Resumable anywhere.

The steps: intake (read every submission), judge (what the ledger does not hold yet), import (autograded notebook and
gradebook, one submission at a time, as results come in), summary. Importing has a thread of its own, the only one that
touches the gradebook: a worker that is done never waits for it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from grader.checks.exercise import UNREADABLE
from grader.classroom import intake
from grader.classroom.boxes import proven_box
from grader.classroom.crew import Crew, DaskCrew, LocalCrew, Outcome, judge_all
from grader.classroom.opened import CannotGrade, OpenedLab
from grader.classroom.outputs import check_outputs
from grader.classroom.seed import configured_seed_file, course_seed
from grader.classroom.summary import Options, Summary
from grader.classroom.work import Work
from grader.judge import cells
from grader.judge.ledger import grader_version, result_key
from grader.verdict import Status, Verdict

__all__ = ["CannotGrade", "Options", "Summary", "grade"]
Progress = Callable[[int, int], None]  # done, of how many; called by the importing thread
_WAITING = 32  # submissions that may wait to be imported: each holds its notebook in memory


def grade(
    lab: str, options: Options, progress: Progress = lambda done, total: None, crew: Crew | None = None
) -> Summary:
    """Grades every submission of `lab`. Raises CannotGrade, LedgerFull, CatalogError or SeedError."""
    started = time.monotonic()
    course = OpenedLab(lab)
    gc.freeze()  # what was imported stays: collections over a long run need not walk it
    with course.locked():
        box, weaknesses = proven_box(options.box, elsewhere=bool(options.scheduler))
        summary = Summary(course.lab, box, weaknesses=weaknesses)
        run = _Run(course, options, box, summary, progress)
        own = crew is None
        try:
            crew = crew or (DaskCrew(options.scheduler) if options.scheduler else None)
            run.all(crew)
        finally:
            run.close()
            if own and crew is not None:
                crew.close()
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


class _Run:
    """One run over one lab."""

    def __init__(
        self, course: OpenedLab, options: Options, box: str, summary: Summary, progress: Progress
    ) -> None:
        self.course, self.options, self.summary, self.progress = course, options, summary, progress
        self.seed = course_seed(options.seed_file or configured_seed_file(course.config))
        self.box = box
        self.version = grader_version(course.root / "checks")
        self.submitted = (
            options.submitted
            or Path(course.folders.format_path(course.folders.submitted_directory, "x", course.lab)).parents[
                1
            ]
        )
        self._waiting: dict[str, list[tuple[str, Path]]] = {}  # result key -> who handed this work in
        self._times: dict[str, list[float]] = {}
        self._importer = ThreadPoolExecutor(1, thread_name_prefix="importer")
        self._imports: deque[Future[None]] = deque()

    def close(self) -> None:
        """Ends the importing thread. What it has not imported is in the ledger, and the next run's."""
        for waiting in self._imports:
            waiting.cancel()
        self._importer.submit(self.course.close).result()  # by the thread that opened the gradebook
        self._importer.shutdown()

    def all(self, crew: Crew | None) -> None:
        found = list(intake.find(self.submitted, self.course.lab))
        if self.options.students:
            found = [f for f in found if f[0] in self.options.students]
        if not found:
            raise CannotGrade(
                f"There are no submissions of {self.course.lab} in {self.submitted} "
                "(looked for STUDENT/LAB/LAB.ipynb); collect them first, or name the folder with --submitted."
            )
        self.summary.submissions = len(found)
        self.course.ledger.remove_partial()
        self._done = 0
        jobs = self._jobs(found)
        first = next(jobs, None)  # when nothing is left to judge, no worker is started
        if first is not None:
            workers = crew or LocalCrew(min(self.options.workers, len(found)))
            try:
                for outcome in judge_all(workers, _chain(first, jobs)):
                    self._judged(outcome)
            finally:
                if crew is None:
                    workers.close()
        self._await_imports(0)
        self.summary.exercise_seconds = {
            name: round(statistics.median(times), 4) for name, times in self._times.items()
        }

    def _jobs(self, found: list[tuple[str, Path]]) -> Iterator[Work]:
        """Reads submissions one by one; imports what is settled, yields what has to be judged."""
        for student, path in found:
            submission = intake.take(student, path, self.course.release)
            if submission.rejected:
                self.summary.rejected[student] = submission.rejected
                self._import(submission, self._refused(submission.rejected))
                continue
            key = result_key(
                submission.key, self.course.lab, self.course.release_bytes, self.version, self.seed, self.box
            )
            if key in self._waiting:  # the same answers are already being judged
                self._waiting[key].append((student, path))
                continue
            result = self.course.ledger.get(key)
            if result is not None:
                self._import(submission, result)
                continue
            self._waiting[key] = [(student, path)]
            ledger = "" if self.options.scheduler else str(self.course.ledger.folder)
            yield Work(
                key, self.course.lab, submission.answers, self.seed, self.box, str(self.course.root), ledger,
                self.options.seconds,
            )  # fmt: skip

    def _judged(self, outcome: Outcome) -> None:
        result = outcome.result
        self.summary.judged_now += 1
        if result is None:
            result = self._refused(outcome.fault, Status.INFRA)
        elif self.course.ledger.get(outcome.key) is None and not _has_fault(result):
            self.course.ledger.put(outcome.key, result)  # judged where this folder cannot be seen
        for student, path in self._waiting.pop(outcome.key):
            self._import(intake.take(student, path, self.course.release), result)

    def _refused(self, why: str, status: Status = Status.REJECTED) -> dict[str, Any]:
        verdicts = {
            name: Verdict(
                self.course.lab, name, status, float(e.points), message=why, notes={"box": self.box}
            )
            for name, e in self.course.unit.checks().exercises.items()
        }
        return {"verdicts": {n: v.to_json() for n, v in verdicts.items()}, "seconds": 0.0, "box": self.box}

    def _import(self, submission: intake.Submission, result: dict[str, Any]) -> None:
        self._imports.append(self._importer.submit(self._bring_in, submission, result))
        self._await_imports(_WAITING)

    def _await_imports(self, most: int) -> None:
        """Until at most that many wait. Raises what importing raised, at once where it has."""
        while self._imports and (len(self._imports) > most or self._imports[0].done()):
            self._imports.popleft().result()

    def _bring_in(self, submission: intake.Submission, result: dict[str, Any]) -> None:
        """One submission's autograded notebook and grades. Only the importing thread runs this."""
        verdicts = {name: Verdict.from_json(v) for name, v in result["verdicts"].items()}
        self._note(submission.student, verdicts)
        scores: dict[str, float | None] = {}
        for number, cell in enumerate(submission.notebook["cells"], 1):
            name = cells.exercise_checked(cell)
            if name in verdicts:
                cell["outputs"] = check_outputs(verdicts[name], number)
                cell["execution_count"] = number
                if verdicts[name].status is not Status.INFRA:
                    scores[cells.grade_id(cell)] = verdicts[name].points
            elif cell.get("metadata", {}).get("nbgrader", {}).get("grade"):
                scores[cells.grade_id(cell)] = _by_hand(cell)
        from grader.classroom.importer import write_notebook

        target = self.course.path(self.course.folders.autograded_directory, submission.student)
        changed = write_notebook(
            target / f"{self.course.lab}.ipynb", submission.notebook, submission.timestamp
        )
        importer = self.course.importer
        changed |= importer.write(submission.student, submission.notebook, scores, submission.timestamp)
        self.summary.changed += changed
        self._done += 1
        self.progress(self._done, self.summary.submissions)

    def _note(self, student: str, verdicts: dict[str, Verdict]) -> None:
        late = [n for n, v in verdicts.items() if v.notes.get("timed_out")]
        faults = {n: v.message for n, v in verdicts.items() if v.status is Status.INFRA}
        if faults:
            self.summary.infrastructure[student] = "; ".join(f"{n}: {m}" for n, m in faults.items())
        elif late:
            self.summary.timed_out[student] = f"took too long: {', '.join(late)}"
        if odd := [
            f"{n}: {f.happened}" for n, v in verdicts.items() for f in v.findings if UNREADABLE in f.happened
        ]:
            self.summary.unreadable[student] = "; ".join(odd)
        if not faults and student not in self.summary.rejected:
            self.summary.graded += 1
        for name, verdict in verdicts.items():
            if verdict.seconds:
                self._times.setdefault(name, []).append(verdict.seconds)


def _by_hand(cell: dict[str, Any]) -> float | None:
    """nbgrader's own word on a cell a person marks: 0 if untouched, else None (needs marking)."""
    import logging

    import nbformat
    from nbgrader.utils import determine_grade  # type: ignore[import-untyped]

    node = nbformat.from_dict(cell)  # type: ignore[no-untyped-call]
    score, _ = determine_grade(node, logging.getLogger("grader"))
    return None if score is None else float(score)


def _has_fault(result: dict[str, Any]) -> bool:
    return any(v["status"] == str(Status.INFRA) for v in result["verdicts"].values())


def _chain(first: Work, rest: Iterator[Work]) -> Iterator[Work]:
    yield first
    yield from rest
