"""`grader new`: a unit that already builds and verifies, to be written over."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template

from grader.authoring.source import SourceError
from grader.catalog import SLUG, Unit, units


def scaffold(slug: str, root: Path) -> list[Path]:
    """Writes lesson, lab, check package and variants of a new unit; returns the files written.

    Raises SourceError, with nothing written, if the slug is unfit or taken.
    """
    if not SLUG.fullmatch(slug):
        raise SourceError(f"{slug!r} is not a slug: two digits and lower-case words, as in 04-transactions.")
    unit = Unit(slug, root)
    for other in units(root):
        if other.number == unit.number or other.identifier == unit.identifier:
            raise SourceError(f"{slug} collides with {other.slug}: choose another number and another name.")
    contents = dict(_contents(unit))
    if taken := [path for path in contents if path.exists()]:
        raise SourceError(f"{taken[0].relative_to(root)} exists already; nothing was written.")
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(contents)


def checks_folder(unit: Unit) -> Path:
    """The check package: inside the grader where the course lives with it, else in the course's own `checks/`."""
    package = unit.root / "grader" / "checks"
    return (package if package.is_dir() else unit.root / "checks") / unit.identifier


def _contents(unit: Unit) -> Iterator[tuple[Path, str]]:
    words = {"slug": unit.slug, "title": unit.slug[3:].replace("-", " ").capitalize()}
    yield unit.lesson_source, _text("lesson", words)
    yield unit.lab_source, _text("lab", words)
    yield checks_folder(unit) / "__init__.py", _text("checks", words)
    for variant in _text("variants", {}).split("=== ")[1:]:
        name, _, source = variant.partition("\n")
        yield unit.variants / "total" / name, source


def _text(name: str, words: dict[str, str]) -> str:
    template = (files("grader.authoring") / "scaffold" / f"{name}.txt").read_text(encoding="utf-8")
    return Template(template).substitute(words) if words else template
