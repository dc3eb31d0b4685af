"""The interactive plan viewer: PEV2 bundled offline, with a still picture for wherever no widget can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from grader.show import svg
from grader.show.evidence import folded, pre
from grader.show.plan import plan_svg, plan_text
from grader.show.plan_tree import Plan

BUNDLE = Path(__file__).parent / "static" / "plan_viewer.js"


def still_html(plan: Plan) -> str:
    """The drawn plan and its text twin, without any script."""
    text = plan_text(plan, 104)
    return svg.image(plan_svg(plan), "The query plan, also in plain text below.") + folded(
        "The same in plain text", pre(text)
    )


class PlanWidget(anywidget.AnyWidget):
    """A plan to explore. Shown as a live viewer where widgets run, else as a picture, else as text."""

    _esm = BUNDLE
    plan = traitlets.Unicode().tag(sync=True)  # JSON, as EXPLAIN (FORMAT JSON) returns it
    query = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)  # pixels

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        plan = Plan.from_explain(self.plan)
        return {**data, "text/html": still_html(plan), "text/plain": plan_text(plan)}, metadata


def plan_widget(explained: Any, query: str = "", height: int = 560) -> PlanWidget:
    """The plan as a widget. explained: what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) returns, or a Plan.

    query: the SQL, shown on a tab of its own. Raises ValueError if `explained` is no plan.
    """
    plan = explained if isinstance(explained, Plan) else Plan.from_explain(explained)
    return PlanWidget(plan=json.dumps([dict(plan.raw)]), query=query, height=height)
