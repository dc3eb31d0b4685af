"""What people look at: verdict cards, timelines and query plans, each as a picture and in plain text.

`plan_widget` is loaded when asked for: everything else here needs no more than the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grader.show.card import card_html, card_text
from grader.show.plan import plan_svg, plan_text
from grader.show.timeline import timeline_svg, timeline_text

if TYPE_CHECKING:
    from grader.show.viewer import plan_widget

__all__ = [
    "card_html",
    "card_text",
    "plan_svg",
    "plan_text",
    "plan_widget",
    "timeline_svg",
    "timeline_text",
]


def __getattr__(name: str) -> Any:
    if name != "plan_widget":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from grader.show.viewer import plan_widget

    return plan_widget
