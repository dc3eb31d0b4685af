"""Steps through a timeline: one statement more at every move of the slider, the whole of it where nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Draw = Callable[[dict[str, Any]], str]


def frame(data: dict[str, Any], shown: int) -> dict[str, Any]:
    """The timeline up to its first `shown` steps; the conclusion only at the end."""
    steps = list(data.get("steps", ()))
    if shown >= len(steps):
        return data
    broken = data.get("broken_at")
    return {
        **data,
        "steps": steps[:shown],
        "broken_at": broken if broken is not None and broken < shown else None,
        "conclusion": "",
    }


class Steps:
    """A timeline to step through. Its static twin, in text and SVG, is the whole timeline.

    drawn, told: how the data becomes SVG and text, where it is not `timeline_svg` and `timeline_text`.
    """

    def __init__(self, data: dict[str, Any], drawn: Draw | None = None, told: Draw | None = None) -> None:
        from grader.show import timeline_svg, timeline_text

        self.data, self.drawn, self.told = data, drawn or timeline_svg, told or timeline_text

    def __repr__(self) -> str:
        return self.told(self.data)

    def _repr_html_(self) -> str:
        from grader.show import svg

        return svg.image(self.drawn(self.data), repr(self))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        widget = self._widget()._repr_mimebundle_(**options) or {}
        shown = widget[0] if isinstance(widget, tuple) else widget
        return {**shown, **bundle}

    def _widget(self) -> Any:
        import ipywidgets as widgets  # type: ignore[import-untyped]

        from grader.show import svg

        total = len(self.data.get("steps", ()))
        slider = widgets.IntSlider(1, 1, max(total, 1), description="Step", continuous_update=True)
        play = widgets.Play(1, 1, max(total, 1), interval=900)
        room = widgets.Layout(
            min_height=f"{svg.height_of(self.drawn(self.data)):.0f}px"
        )  # no page that jumps
        picture = widgets.HTML(self.drawn(frame(self.data, 1)), layout=room)

        def move(change: Any) -> None:
            picture.value = self.drawn(frame(self.data, change["new"]))

        widgets.jslink((play, "value"), (slider, "value"))
        slider.observe(move, "value")
        return widgets.VBox([widgets.HBox([play, slider]), picture])
