"""The right and wrong answers a lab's checks are tested with, and what each must get.

`tests/labs/NN-slug/EXERCISE/accept_*.py|.sql` and `reject_*`; the first line, a comment, is the expectation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from grader.authoring.source import SourceError
from grader.catalog import Unit
from grader.verdict import Outcome, Status, Verdict

Expectation = Literal["accepts", "fails", "rejected", "solution", "stub"]
_HEAD = re.compile(r"(?:#|--)\s*(?P<what>accepts:|fails:|rejected)\s*(?P<rest>.*)")
FORMS = (
    '`# accepts: the mechanism`, `# fails: property -- "words of the message"` or `# rejected -- "words"` '
    "(`--` in place of `#` in SQL)"
)


@dataclass(frozen=True)
class Variant:
    """One answer and its expectation. properties: those that must fail; words: must occur in what they say."""

    exercise: str
    name: str
    source: str
    expects: Expectation
    properties: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    mechanism: str = ""


def read_variants(unit: Unit) -> tuple[list[Variant], list[str]]:
    """All variants of a lab, and one sentence for each file that is not one."""
    found: list[Variant] = []
    problems: list[str] = []
    for path in sorted(p for p in unit.variants.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        where = path.relative_to(unit.variants).as_posix()
        if path.parent.parent != unit.variants or not re.fullmatch(
            r"(accept|reject)_\w+\.(py|sql)", path.name
        ):
            problems.append(f"{where} is not EXERCISE/accept_*.py|.sql or EXERCISE/reject_*.py|.sql.")
            continue
        try:
            found.append(parse_variant(path.parent.name, path.name, path.read_text(encoding="utf-8")))
        except SourceError as error:
            problems.append(f"{where}: {error}")
    return found, problems


def parse_variant(exercise: str, filename: str, source: str) -> Variant:
    """Raises SourceError when the first line is not an expectation that fits the file's name."""
    name = filename.rsplit(".", 1)[0]
    head = _HEAD.fullmatch(source.split("\n", 1)[0].strip())
    if head is None:
        raise SourceError(f"its first line must be {FORMS}.")
    expects: Expectation = {"accepts:": "accepts", "fails:": "fails", "rejected": "rejected"}[head["what"]]  # type: ignore[assignment]
    if (expects == "accepts") != name.startswith("accept_"):
        raise SourceError(f"it is called {filename}, but its first line says `{head['what']}`.")
    if expects == "accepts":
        if not head["rest"].strip():
            raise SourceError("`accepts:` must say the mechanism in a few words.")
        return Variant(exercise, name, source, expects, mechanism=head["rest"].strip())
    named, dashes, quoted = head["rest"].partition("--")
    properties = tuple(filter(None, re.split(r"[,\s]+", named.strip())))
    words = tuple(re.findall(r'"([^"]+)"', quoted))
    if not dashes or not words or bool(properties) != (expects == "fails"):
        raise SourceError(f"its first line must be {FORMS}.")
    return Variant(exercise, name, source, expects, properties, words)


def misjudged(variant: Variant, verdict: Verdict) -> list[str]:
    """Why this verdict is not the one the variant must get, one sentence each; empty when it is."""
    return list(_misjudged(variant, verdict))


def _misjudged(variant: Variant, verdict: Verdict) -> Iterator[str]:
    if verdict.status is Status.INFRA:
        yield f"could not be judged: {verdict.message}"
    elif variant.expects in ("accepts", "solution"):
        if not (verdict.passed and verdict.points == verdict.max_points):
            yield f"must get full marks, got {verdict.points:g} of {verdict.max_points:g}: {_why(verdict)}"
    elif variant.expects == "stub":
        if verdict.status is not Status.NOT_ANSWERED or verdict.points:
            yield f'the untouched stub must be "not answered" and zero, is {verdict.status}: {_why(verdict)}'
    elif variant.expects == "rejected":
        if verdict.status is not Status.REJECTED:
            yield f"must be rejected, is {verdict.status}: {_why(verdict)}"
        else:
            yield from _missing(variant.words, verdict.message)
    elif verdict.status is not Status.JUDGED:
        yield f"must fail {', '.join(variant.properties)}, is {verdict.status}: {verdict.message}"
    else:
        yield from _wrong_failures(variant, verdict)


def _wrong_failures(variant: Variant, verdict: Verdict) -> Iterator[str]:
    failed = {f.property: f for f in verdict.findings if f.outcome is Outcome.FAIL}
    if missed := [p for p in variant.properties if p not in failed]:
        outcomes = {f.property: str(f.outcome) for f in verdict.findings}
        yield f"must fail {', '.join(f'{p} (is {outcomes.get(p, chr(63))})' for p in missed)}"
    if extra := [p for p in failed if p not in variant.properties]:
        yield f"must not fail {', '.join(f'{p} ({failed[p].happened})' for p in extra)}"
    said = " ".join(
        f"{f.expected} {f.happened} {f.misconception}" for p, f in failed.items() if p in variant.properties
    )
    if not missed:
        yield from _missing(variant.words, said)


def _missing(words: tuple[str, ...], said: str) -> Iterator[str]:
    plain = _plain(said)
    for text in words:
        if _plain(text) not in plain:
            yield f'the message lacks "{text}"; it says: {said.strip()}'


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _why(verdict: Verdict) -> str:
    if verdict.message:
        return verdict.message
    short = [
        f"{f.property} {f.outcome} ({f.happened})" for f in verdict.findings if f.outcome is not Outcome.PASS
    ]
    return "; ".join(short) or "no property was judged"
