"""The units of the course: found by looking at the folders, never by a hand-kept list.

One slug, spelled alike everywhere: `04-transactions` names the lesson, the lab, its solutions and its variants;
`transactions` is the same name where Python needs an identifier.
"""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SLUG = re.compile(r"(?P<number>\d{2})-(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)")


class CatalogError(Exception):
    """The course does not hold what was asked for; the message says what to do."""


@dataclass(frozen=True)
class Unit:
    """One unit and the places where its parts live (whether or not they exist yet)."""

    slug: str
    root: Path

    @property
    def number(self) -> int:
        return int(self.slug[:2])

    @property
    def identifier(self) -> str:
        """The slug as a Python name: "04-transactions" is `transactions`."""
        return self.slug[3:].replace("-", "_")

    @property
    def title(self) -> str:
        """The first heading of the lesson, else of the lab, else the slug in words."""
        for source in (self.lesson_source, self.lab_source):
            if source.is_file():
                heading = re.search(r"^# # (.+)$", source.read_text(encoding="utf-8"), re.MULTILINE)
                if heading:
                    return heading.group(1).strip()
        return self.slug[3:].replace("-", " ").capitalize()

    @property
    def lesson_source(self) -> Path:
        return self.root / "notebooks" / f"{self.slug}.py"

    @property
    def lesson(self) -> Path:
        """The generated, executed lesson."""
        return self.root / "notebooks" / f"{self.slug}.ipynb"

    @property
    def lab_source(self) -> Path:
        """The lab with its solutions, edited by hand."""
        return self.root / "solutions" / f"{self.slug}.py"

    @property
    def solution(self) -> Path:
        """The generated notebook nbgrader takes as its source."""
        return self.root / "solutions" / self.slug / f"{self.slug}.ipynb"

    @property
    def lab(self) -> Path:
        """The learner's version, wholly generated."""
        return self.root / "labs" / self.slug / f"{self.slug}.ipynb"

    @property
    def variants(self) -> Path:
        """The folder of right and wrong answers the checks are tested with: one folder an exercise."""
        return self.root / "tests" / "labs" / self.slug

    @property
    def has_lesson(self) -> bool:
        return self.lesson_source.is_file()

    @property
    def has_lab(self) -> bool:
        return self.lab_source.is_file()

    @property
    def draft(self) -> bool:
        """A lab whose lesson is not written yet: its checks are still at work, and the long runs alone judge it."""
        return self.has_lab and not self.has_lesson

    def checks(self) -> Any:
        """The lab's check module, `grader.checks.<identifier>.lab`, a `LabChecks` (imported by name: this is a leaf).

        A course kept outside this package may bring check modules of its own in `<root>/checks/`.
        Raises CatalogError if there is none or it speaks of another lab.
        """
        package = importlib.import_module("grader.checks")
        own = str(self.root / "checks")
        if os.path.isdir(own) and own not in package.__path__:
            package.__path__.append(own)
        name = f"grader.checks.{self.identifier}"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise CatalogError(
                f"{self.slug} has no check module: write grader/checks/{self.identifier}/__init__.py with a "
                f'`lab = LabChecks("{self.slug}")`, or let `grader new {self.slug}` scaffold it.'
            ) from None
        lab = getattr(module, "lab", None)
        if lab is None or lab.slug != self.slug:
            raise CatalogError(f'{name} must bind `lab = LabChecks("{self.slug}")`.')
        return lab


def root() -> Path:
    """The project root: $GRADER_ROOT, else the checkout this package is in, else the one around the working folder.

    Raises CatalogError if there is none.
    """
    if named := os.environ.get("GRADER_ROOT"):
        folder = Path(named).expanduser().resolve()
        if not folder.is_dir():
            raise CatalogError(f"GRADER_ROOT is {named}, which is not a folder: correct or unset it.")
        return folder
    here = Path.cwd()
    for folder in (Path(__file__).resolve().parent.parent, here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (
            (folder / "notebooks").is_dir() or (folder / "solutions").is_dir()
        ):
            return folder
    raise CatalogError(
        "This is not a checkout of the course (no pyproject.toml beside notebooks/): "
        "change to one, or name it in GRADER_ROOT."
    )


def units(folder: Path | None = None) -> list[Unit]:
    """Every unit that has a lesson source or a lab source, in order."""
    base = folder or root()
    found = {
        source.stem
        for part in ("notebooks", "solutions")
        for source in (base / part).glob("*.py")
        if SLUG.fullmatch(source.stem)
    }
    return [Unit(slug, base) for slug in sorted(found)]


def unit(slug: str, folder: Path | None = None) -> Unit:
    """The unit named by its slug, its number ("04") or its name ("transactions"). Raises CatalogError."""
    known = units(folder)
    wanted = slug.strip().strip("/")
    for candidate in known:
        if wanted in (candidate.slug, candidate.slug[:2], candidate.slug[3:], candidate.identifier):
            return candidate
    names = ", ".join(u.slug for u in known) or "none yet"
    raise CatalogError(f"There is no unit called {slug!r}. The units are: {names}.")


def labs(folder: Path | None = None) -> list[Unit]:
    """The units that have a lab."""
    return [u for u in units(folder) if u.has_lab]


def judged(folder: Path | None = None) -> list[Unit]:
    """The units that have a lab or, in preparation, variants its checks are tested with."""
    base = folder or root()
    found = {u.slug: u for u in labs(base)}
    for variants in (base / "tests" / "labs").glob("*/"):
        if SLUG.fullmatch(variants.name):
            found.setdefault(variants.name, Unit(variants.name, base))
    return [found[slug] for slug in sorted(found)]
