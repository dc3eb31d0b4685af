"""The kill matrix as a page of the documentation: which answer must fail where, as the variants themselves say.

`grader build` writes it, `make test` judges every row of it; so it can neither be forgotten nor be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.authoring.variants import Variant, read_variants
from grader.catalog import Unit
from grader.checks.exercise import Exercise

FOLDER = "docs/kill-matrix"


def path_of(unit: Unit) -> str:
    """Relative to the project's root."""
    return f"{FOLDER}/{unit.slug}.md"


def page(unit: Unit) -> bytes:
    """Markdown, one table an exercise: rows are answers, columns are properties."""
    exercises = unit.checks().exercises
    variants, _ = read_variants(unit)
    return "\n".join(_page(unit.slug, list(exercises.values()), variants)).encode() + b"\n"


def _page(slug: str, exercises: Sequence[Exercise[object]], variants: Sequence[Variant]) -> Iterator[str]:
    wrong = sum(v.expects != "accepts" for v in variants)
    yield f"# Kill matrix of {slug}"
    yield ""
    yield (
        f"{len(exercises)} exercises with {sum(len(e.properties) for e in exercises)} properties; "
        f"{len(variants) - wrong} right answers beside the solutions, and {wrong} wrong ones."
    )
    yield f"Each row is a file below `tests/labs/{slug}/`."
    yield "✗: this property must fail, and say why in words the file gives; no other property may."
    yield "`make test` judges all of them, `grader verify` shows what each got."
    for exercise in exercises:
        yield from _table(exercise, [v for v in variants if v.exercise == exercise.id])


def _table(exercise: Exercise[object], variants: Sequence[Variant]) -> Iterator[str]:
    yield ""
    yield f"## {exercise.id}"
    yield ""
    for number, found in enumerate(exercise.properties, 1):
        yield f"{number}. `{found.name}`: {' '.join(found.claim.split())}"
    yield ""
    columns = [str(n) for n in range(1, len(exercise.properties) + 1)]
    yield "| " + " | ".join(["answer", *columns]) + " |"
    yield "|---" + "|:-:" * len(columns) + "|"
    for variant in variants:
        cells = ["✗" if p.name in variant.properties else "" for p in exercise.properties]
        if variant.expects == "rejected":
            cells = ["refused" if n == 0 else "" for n in range(len(cells))]
        yield "| " + " | ".join([_name(variant), *cells]) + " |"


def _name(variant: Variant) -> str:
    said = variant.mechanism.replace("|", "\\|")
    return f"`{variant.name}`" + (f": {said}" if said else "")
