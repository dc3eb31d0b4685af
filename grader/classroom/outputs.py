"""What a check's cell holds after it ran: the same outputs whether a kernel or the class run wrote them."""

from __future__ import annotations

from typing import Any

from grader.show import card_html
from grader.show.headline import headline
from grader.verdict import Verdict


def check_outputs(verdict: Verdict, execution_count: int | None = None) -> list[dict[str, Any]]:
    """One line on stdout and the result: its HTML is the card, its plain text the score, as nbgrader reads it.

    The circumstances of the run (which box) are kept in the result's metadata.
    """
    line = {"output_type": "stream", "name": "stdout", "text": f"{verdict.exercise}: {headline(verdict)}\n"}
    result = {
        "output_type": "execute_result",
        "execution_count": execution_count,
        "data": {"text/plain": repr(float(verdict.points)), "text/html": card_html(verdict)},
        "metadata": {"grader": dict(verdict.notes)} if verdict.notes else {},
    }
    return [line, result]
