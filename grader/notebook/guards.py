"""Every attempt shown to every guard: which of them get in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from grader.notebook.picture import Picture
from grader.show.admissions import Admissions, admissions_svg, admissions_text

BUGS = (NameError, ImportError)  # of the lesson's own: a refusal by misspelling must not pass for one


def try_all(attempts: Mapping[str, Any], guards: Mapping[str, Callable[[Any], Any]]) -> Admissions:
    """A guard refuses by raising or by returning something false."""
    return {
        name: {title: _let_in(guard, shown) for title, guard in guards.items()}
        for name, shown in attempts.items()
    }


def _let_in(guard: Callable[[Any], Any], shown: Any) -> bool:
    try:
        return bool(guard(shown))
    except BUGS:
        raise
    except Exception:
        return False


def draw_admissions(tried: Admissions, welcome: Collection[str], caption: str = "") -> Picture:
    """welcome: the attempts that ought to get in."""
    return Picture(admissions_svg(tried, welcome, caption), admissions_text(tried, welcome, caption))
