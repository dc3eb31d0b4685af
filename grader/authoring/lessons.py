"""A lesson's source into an executed notebook whose kept outputs read well on anybody's machine."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from grader.authoring import notebooks
from grader.authoring.source import SourceError, read_source
from grader.catalog import Unit

CELL_TIMEOUT = 120  # seconds; a safety net, a whole lesson is to run in 90
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def lesson_notebook(unit: Unit) -> Any:
    """The lesson without outputs. The hash of its source is kept in the metadata, so that the build knows
    whether the outputs on disk belong to it. Raises SourceError."""
    ids = notebooks.CellIds(unit.slug)
    cells = []
    for cell in read_source(unit.lesson_source):
        if cell.role not in ("markdown", "code"):
            raise SourceError(f"notebooks/{unit.slug}.py: a lesson has no {cell.role} cells; labs have.")
        make = notebooks.markdown if cell.role == "markdown" else notebooks.code
        cells.append(make(ids, cell.source, dict(cell.metadata)))
    return notebooks.notebook(cells, grader={"source": source_hash(unit)})


def source_hash(unit: Unit) -> str:
    return hashlib.sha256(unit.lesson_source.read_bytes()).hexdigest()


def without_outputs(made: Any) -> Any:
    """A copy as it was before it was run: what `build --check` compares."""
    import copy

    bare = copy.deepcopy(made)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def execute(unit: Unit, made: Any) -> Any:
    """Runs the lesson in a kernel of its own, in its folder, and keeps presentable outputs.

    Raises SourceError when a cell fails or an output is not fit to keep.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(
        made,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(unit.lesson_source.parent)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,  # else what is one output depends on how fast it was printed
        extra_arguments=["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR"],
    )
    try:
        client.execute(env={**os.environ, "GRADER_ROOT": str(unit.root)})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        words = _ANSI.sub("", str(error)).strip()
        raise SourceError(f"notebooks/{unit.slug}.py does not run: {words}") from None
    made.metadata.language_info = dict(notebooks.METADATA["language_info"])
    for count, cell in enumerate((c for c in made.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
        for output in cell.outputs:
            _tidy(output, count)
    if problems := scan(made, unit):
        raise SourceError("\n".join(problems))
    return made


def _tidy(output: Any, count: int) -> None:
    """Drops what differs at every run and means nothing to a reader: widget ids that have a static twin."""
    if "execution_count" in output:
        output.execution_count = count
    data = output.get("data", {})
    if _WIDGET in data and len(data) > 1:
        del data[_WIDGET]


def scan(made: Any, unit: Unit) -> list[str]:
    """What is not fit to keep in the outputs: stderr, errors, paths of this machine."""
    private = _private_paths(unit)
    problems = []
    for number, cell in enumerate(made.cells, start=1):
        tags = cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            where = f"notebooks/{unit.slug}.py, cell {number} ({cell.source.strip().splitlines()[0][:60]})"
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"{where} writes to stderr: {output.text.strip()[:200]}")
            if output.output_type == "error" and "raises-exception" not in tags:
                problems.append(f"{where} raises {output.ename}: {_ANSI.sub('', output.evalue)[:200]}")
            text = _ANSI.sub("", _all_text(output))
            problems += [f"{where} shows a path of this machine: {p}" for p in private if p in text]
    return problems


def _private_paths(unit: Unit) -> list[str]:
    folders = {str(unit.root), str(Path.home()), os.environ.get("GRADER_HOME", ""), tempfile.gettempdir()}
    return sorted(f"{p.rstrip('/')}/" for p in folders if len(p.rstrip("/")) > 1)


def _all_text(output: Any) -> str:
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    parts += [v if isinstance(v, str) else repr(v) for v in output.get("data", {}).values()]
    return "\n".join(parts)
