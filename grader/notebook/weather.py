"""A retry storm to play with: load, attempts and budget on sliders, and what becomes of the service."""

from __future__ import annotations

from typing import Any

from grader.instruments.storm import Trying, full_jitter, storm
from grader.show.picture import Picture
from grader.show.storms import storm_picture

TROUBLE, CAPACITY, SECONDS = (10, 15), 100, 60
_JITTER = full_jitter(base=0.5, cap=10)
BUDGETS: dict[str, float | None] = {
    "none": None,
    "1 for 10 calls": 0.1,
    "1 for 5 calls": 0.2,
    "1 for 2 calls": 0.5,
}


class Weather:
    """Its static twin is the picture of the values it begins with. load: new calls a second; budget: see BUDGETS."""

    def __init__(self, load: int = 30, attempts: int = 3, budget: str = "none") -> None:
        self.start = (load, attempts, budget)

    @staticmethod
    def picture(load: int, attempts: int, budget: str) -> Picture:
        trying = Trying(attempts, _JITTER, BUDGETS[budget])
        found = storm(trying, rate=load, capacity=CAPACITY, trouble=TROUBLE, seconds=SECONDS)
        usual = sum(found.answered[: TROUBLE[0]]) / TROUBLE[0]
        back = next((s for s in range(TROUBLE[1], SECONDS) if found.answered[s] >= 0.9 * usual), None)
        name = f"{load} a second, {attempts} attempt{'s' * (attempts > 1)}, "
        name += "no budget" if BUDGETS[budget] is None else f"budget {budget}"
        end = f"back after {back - TROUBLE[1]} s" if back is not None else "not back within a minute"
        return storm_picture({f"{name}: {end}": (found.sent, found.answered)}, TROUBLE)

    def __repr__(self) -> str:
        return repr(self.picture(*self.start))

    def _repr_html_(self) -> str:
        return self.picture(*self.start)._repr_html_()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        widget = self._widget()._repr_mimebundle_(**options) or {}
        shown = widget[0] if isinstance(widget, tuple) else widget
        return {**shown, "text/plain": repr(self), "text/html": self._repr_html_()}

    def _widget(self) -> Any:
        import ipywidgets as widgets  # type: ignore[import-untyped]

        load, attempts, budget = self.start
        wide = {"description_width": "initial"}
        chosen = {
            "load": widgets.IntSlider(
                load, 5, 95, 5, description="calls a second", style=wide, continuous_update=False
            ),
            "attempts": widgets.IntSlider(
                attempts, 1, 6, description="attempts", style=wide, continuous_update=False
            ),
            "budget": widgets.Dropdown(options=list(BUDGETS), value=budget, description="budget", style=wide),
        }
        shown = widgets.HTML(self._repr_html_())

        def changed(_: Any) -> None:
            shown.value = self.picture(**{name: w.value for name, w in chosen.items()})._repr_html_()

        for one in chosen.values():
            one.observe(changed, "value")
        return widgets.VBox([widgets.HBox(list(chosen.values())), shown])
