"""A lab's source into the notebook with solutions, and that, by nbgrader's own step, into the learner's version."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from grader.authoring import notebooks
from grader.authoring.source import Cell, SourceError, is_sql, read_source, solution_text, stub_text
from grader.catalog import Unit

SCHEMA_VERSION = 3  # of nbgrader's cell metadata
RELEASE_STEPS = [
    "nbgrader.preprocessors.LockCells",
    "grader.authoring.clear.ClearAnswers",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
GENERATED = (
    "*`labs/{slug}/` is 100 % generated from the course's sources by `grader build`: edits made there are lost. "
    "`grader start {slug}` gives you a copy of your own in `work/`.*"
)


def check_grade_id(exercise: str) -> str:
    """The nbgrader grade id of an exercise's check cell; its answer cell's is the exercise id itself."""
    return f"check-{exercise}"


def answers(unit: Unit) -> dict[str, tuple[str, str]]:
    """exercise id -> (solution, stub), both the whole text of the answer cell. Raises SourceError."""
    exercises = unit.checks().exercises
    pairs = {}
    for cell in read_source(unit.lab_source):
        if cell.role == "answer" and cell.exercise in exercises:
            known = exercises[cell.exercise]
            try:
                stub = stub_text(cell.source, known.kind, known.binds)
            except SourceError as error:
                raise SourceError(f"{unit.slug}: answer {cell.exercise}: {error}") from None
            pairs[cell.exercise] = (solution_text(cell.source), stub)
    return pairs


def solution_notebook(unit: Unit) -> Any:
    """The notebook nbgrader takes as source: solutions in place, metadata complete. Raises SourceError."""
    checks = unit.checks()
    cells = read_source(unit.lab_source)
    _validate(unit, checks, cells)
    ids = notebooks.CellIds(unit.slug)
    made = [notebooks.markdown(ids, GENERATED.format(slug=unit.slug))]
    made += [_notebook_cell(cell, checks, ids) for cell in cells]
    return notebooks.notebook(made)


def context_source(checks: Any) -> str:
    """The set-up cell: what the judge runs before every answer, and the lab object."""
    names = f"from grader import Lab\n{checks.context.strip()}".strip()
    return f'{names}\n\nlab = Lab("{checks.slug}")'


def _notebook_cell(cell: Cell, checks: Any, ids: notebooks.CellIds) -> Any:
    meta = dict(cell.metadata)
    if cell.role == "markdown":
        return notebooks.markdown(ids, cell.source, meta)
    if cell.role == "code":
        return notebooks.code(ids, cell.source, meta)
    if cell.role == "context":
        meta["nbgrader"] = _nbgrader("context", locked=True)
        return notebooks.code(ids, context_source(checks), meta, key="context")
    exercise = checks.exercises[cell.exercise]
    if cell.role == "answer":
        meta["grader"] = {"exercise": exercise.id, "kind": exercise.kind, "binds": list(exercise.binds)}
        meta["nbgrader"] = _nbgrader(exercise.id, solution=True)
        return notebooks.code(ids, cell.source, meta, key=f"answer {exercise.id}")
    meta["nbgrader"] = _nbgrader(
        check_grade_id(exercise.id), grade=True, locked=True, points=float(exercise.points)
    )
    return notebooks.code(ids, f'lab.check("{exercise.id}")', meta, key=f"check {exercise.id}")


def _nbgrader(grade_id: str, **flags: Any) -> dict[str, Any]:
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"grade_id": grade_id, "schema_version": SCHEMA_VERSION, **plain, **flags}


def _validate(unit: Unit, checks: Any, cells: list[Cell]) -> None:
    """One context cell first, then one answer and one check for each exercise, in the check module's order."""
    name = f"solutions/{unit.slug}.py"
    if [c.role for c in cells if c.role not in ("markdown",)][:1] != ["context"]:
        raise SourceError(f"{name}: the first code cell must be `# %% context`, the set-up cell.")
    if sum(c.role == "context" for c in cells) != 1:
        raise SourceError(f"{name}: there must be one `# %% context` cell.")
    for role in ("answer", "check"):
        here = [c.exercise for c in cells if c.role == role]
        if here != list(checks.exercises):
            raise SourceError(
                f'{name}: `# %% {role}="..."` cells are {here}, but grader/checks/{unit.identifier} declares '
                f"{list(checks.exercises)}: each exercise needs one of each, in that order."
            )
    for cell in cells:
        if cell.role == "check" and cell.source.strip():
            raise SourceError(f'{name}: the cell check="{cell.exercise}" must be empty; the build fills it.')
        if cell.role == "answer":
            _validate_answer(name, cell, checks.exercises[cell.exercise])


def _validate_answer(name: str, cell: Cell, exercise: Any) -> None:
    try:
        stub = stub_text(cell.source, exercise.kind, exercise.binds)
        if is_sql(cell.source):
            if cell.source.split("\n")[0].split()[1:] != [exercise.id]:
                raise SourceError(f"its first line must be `# %%sql {exercise.id}`")
            return
        ast.parse(stub)
    except SyntaxError as error:
        raise SourceError(f"{name}: the released stub of {cell.exercise} does not parse: {error}.") from None
    except SourceError as error:
        raise SourceError(f"{name}: answer {cell.exercise}: {error}.") from None


def assets(unit: Unit) -> dict[str, bytes]:
    """Files released with the lab: what lies in `solutions/NN-slug/assets/`, by path relative to the lab.

    nbgrader copies every sibling of the source notebook, so anything else there is refused.
    """
    folder = unit.solution.parent
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        relative = path.relative_to(folder)
        if path.is_dir() or path == unit.solution or ".ipynb_checkpoints" in relative.parts:
            continue
        if relative.parts[0] != "assets" or path.is_symlink():
            raise SourceError(
                f"solutions/{unit.slug}/{relative} would be handed to learners: move it away, "
                f"or into solutions/{unit.slug}/assets/ if it is meant for them."
            )
        found[relative.as_posix()] = path.read_bytes()
    return found


def release(unit: Unit, solution: bytes, extra: dict[str, bytes]) -> dict[str, bytes]:
    """The learner's version, by nbgrader's generate_assignment in a staged course that holds only what is given.

    Returns path relative to the lab -> bytes. Raises SourceError with nbgrader's own words if it refuses.
    """
    with tempfile.TemporaryDirectory(prefix="grader-build-") as staged:
        source = Path(staged) / "source" / unit.slug
        for name, content in {f"{unit.slug}.ipynb": solution, **extra}.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
        _generate(Path(staged), unit.slug)
        made = Path(staged) / "release" / unit.slug
        return {
            path.relative_to(made).as_posix(): path.read_bytes()
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }


def _generate(course: Path, slug: str) -> None:
    from nbgrader.converters import GenerateAssignment  # type: ignore[import-untyped]
    from nbgrader.converters.base import NbGraderException  # type: ignore[import-untyped]
    from nbgrader.coursedir import CourseDirectory  # type: ignore[import-untyped]
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.assignment_id = slug
    config.GenerateAssignment.no_database = True
    config.GenerateAssignment.preprocessors = RELEASE_STEPS
    config.SaveCells.enabled = False
    words = io.StringIO()
    log = logging.getLogger("grader.authoring.nbgrader")
    log.handlers = [logging.StreamHandler(words)]
    log.propagate = False
    converter = GenerateAssignment(
        coursedir=CourseDirectory(config=config), config=config, log=log, parent=None
    )
    try:
        with contextlib.redirect_stderr(words):
            converter.start()
    except NbGraderException:
        last = [line for line in words.getvalue().splitlines() if "Error" in line]
        raise SourceError(
            f"{slug}: nbgrader refused the lab: {' '.join(last[-1:]) or words.getvalue()}"
        ) from None
    finally:
        shutil.rmtree(course / "source", ignore_errors=True)
