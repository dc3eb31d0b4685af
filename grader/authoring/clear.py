"""The step of nbgrader's generate_assignment that replaces solutions by stubs.

nbgrader's own step writes the same Python stub into every cell, which is wrong in an SQL cell and needlessly
an exception in a cell that only binds a value. Named by string in the configuration, so loaded only when used.
"""

from __future__ import annotations

from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor  # type: ignore[import-untyped]

from grader.authoring.source import SourceError, regions, stub_text


class ClearAnswers(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces each solution region by the stub that suits its cell."""

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        answer = cell.metadata.get("grader", {})
        try:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = stub_text(
                    cell.source, answer.get("kind", "python"), tuple(answer.get("binds", ()))
                )
            elif regions(cell.source):
                raise SourceError("a solution region outside an answer cell")
        except SourceError as error:
            name = answer.get("exercise", f"number {cell_index + 1}")
            raise SourceError(f"cell {name}: {error}") from None
        return cell, resources
