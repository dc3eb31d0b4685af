"""What strangers may hand in, and what is taken from it."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import classroom_course as course
import pytest

from grader.classroom import intake

RELEASE = course.release()


def take(path: Path) -> intake.Submission:
    return intake.take("ada", path, RELEASE)


def written(folder: Path, content: bytes | dict[str, Any]) -> Path:
    path = folder / "ada" / course.LAB / f"{course.LAB}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def by_id(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def nothing_but_answers_changed(submission: intake.Submission) -> None:
    """Apart from the text of answer cells, what is given back is the release."""
    made, wanted = copy.deepcopy(submission.notebook), copy.deepcopy(RELEASE)
    made["metadata"].pop("grader", None)
    for notebook in (made, wanted):
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                cell["source"] = ""
            cell["source"] = "".join(cell["source"])
    assert made == wanted


def test_an_honest_notebook_keeps_its_answers(tmp_path):
    submission = take(written(tmp_path, course.answered(course.RIGHT)))
    assert submission.answers == course.RIGHT and not submission.rejected
    nothing_but_answers_changed(submission)


def test_the_timestamp_is_nbgraders_file(tmp_path):
    path = written(tmp_path, course.answered(course.RIGHT))
    (path.parent / "timestamp.txt").write_text("2026-11-20 10:00:00 UTC\n")
    assert take(path).timestamp == "2026-11-20 10:00:00 UTC"
    (path.parent / "timestamp.txt").unlink()
    (path.parent / "timestamp.txt").symlink_to("/etc/passwd")
    assert take(path).timestamp == ""


def test_equal_answers_have_one_key(tmp_path):
    one = take(written(tmp_path / "1", course.answered(course.RIGHT)))
    noisy = course.answered(course.RIGHT)
    noisy["cells"].insert(0, {"cell_type": "markdown", "id": "x", "metadata": {}, "source": "mine"})
    assert one.key == take(written(tmp_path / "2", noisy)).key
    assert one.key != take(written(tmp_path / "3", course.answered(course.WRONG))).key


GOOD = json.dumps(course.answered(course.RIGHT)).encode()


def _cells(change: Callable[[dict[str, Any]], Any]) -> bytes:
    notebook = course.answered(course.RIGHT)
    change(notebook)
    return json.dumps(notebook).encode()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _replace_by(make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        path.unlink()
        make(path)

    return act


def _linked_folder(path: Path) -> None:
    real = path.parent.parent / "elsewhere"
    path.parent.rename(real)
    path.parent.symlink_to(real)


def _sparse(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(intake.MAX_BYTES + 1)


def _socket(path: Path) -> None:
    import socket

    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path may be 107 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path.name)
    finally:
        os.chdir(here)


# Forty files no notebook can be read from: content, or what to do to the file; and words of the reason.
CORRUPT: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "bom alone": (b"\xef\xbb\xbf", "is empty"),
    "truncated in the middle": (GOOD[: len(GOOD) // 2], "not complete JSON"),
    "truncated at the end": (GOOD[:-1], "not complete JSON"),
    "truncated at the start": (GOOD[1:], "not complete JSON"),
    "twice": (GOOD + GOOD, "not complete JSON"),
    "latin-1": (GOOD.replace(b"sum", "s\xfcm".encode("latin-1")), "not UTF-8"),
    "utf-16": (GOOD.decode().encode("utf-16"), "not UTF-8"),
    "utf-32": (GOOD.decode().encode("utf-32"), "not UTF-8"),
    "half a character": (GOOD[:-2] + b"\xe2\x82", "not UTF-8"),
    "an overlong character": (b'{"cells": "\xc0\xaf"}', "not UTF-8"),
    "surrogates as bytes": (b'{"cells": "\xed\xa0\x80"}', "not UTF-8"),
    "a zip": (b"PK\x03\x04" + bytes(range(256)), "not UTF-8"),
    "a gzip": (b"\x1f\x8b\x08" + bytes(100), "not UTF-8"),
    "a png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
    "zeros": (bytes(4096), "not complete JSON"),
    "html": (b"<!DOCTYPE html><title>Sign in</title>", "not complete JSON"),
    "python": (b"def add_up(amounts): return sum(amounts)\n", "not complete JSON"),
    "a merge conflict": (b"<<<<<<< mine\n" + GOOD + b"\n=======\n>>>>>>> theirs\n", "not complete JSON"),
    "a trailing comma": (b'{"cells": [],}', "not complete JSON"),
    "single quotes": (b"{'cells': []}", "not complete JSON"),
    "comments": (b'// mine\n{"cells": []}', "not complete JSON"),
    "a control character": (b'{"cells": ["\x01"]}', "not complete JSON"),
    "nested without end": (b'{"cells":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "not complete JSON"),
    "objects nested without end": (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "not complete JSON"),
    "a number without end": (b'{"cells": ' + b"9" * 100_000 + b"}", "not complete JSON"),
    "null": (b"null", "not a notebook"),
    "a list": (b"[]", "not a notebook"),
    "a string": (b'"cells"', "not a notebook"),
    "no cells": (b'{"nbformat": 4}', "not a notebook"),
    "cells that are no list": (_cells(lambda n: n.update(cells={"0": "x"})), "not a notebook"),
    "format 3": (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "not a notebook"),
    "a symbolic link": (_link, "is a link"),
    "a linked folder": (_linked_folder, "is a link"),
    "a folder": (_replace_by(lambda p: p.mkdir()), "not a file"),
    "a named pipe": (_replace_by(os.mkfifo), "not a file"),
    "a socket": (_replace_by(_socket), "cannot be opened"),
    "too large": (_sparse, "larger than"),
    "missing": (lambda p: p.unlink(), "There is no"),
}  # fmt: skip


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_file_is_rejected_with_its_reason(tmp_path, name):
    damage, words = CORRUPT[name]
    path = written(tmp_path, damage if isinstance(damage, bytes) else GOOD)
    if callable(damage):
        damage(path)
    submission = take(path)
    assert words in submission.rejected and submission.rejected.endswith(".")
    assert submission.rejected.count(". ") == 0  # one sentence
    assert submission.answers == {}
    nothing_but_answers_changed(submission)


def test_there_are_forty_kinds_of_corruption():
    assert len(CORRUPT) == 40


VALUES: list[Any] = [
    None, True, False, 0, -1, 999, 1e308, "", "x", "../../etc/passwd", "\ud800", "\0", [], [[]], {}, {"a": []},
    "check-pay", "pay", 10**30, ["pay"], {"grade_id": "pay"}, "'; DROP TABLE grade; --",
]  # fmt: skip


def mutate(notebook: dict[str, Any], chance: random.Random) -> None:
    """One change a hostile or unlucky editor could make to anything but the text of an answer."""
    cells = notebook["cells"]
    cell = chance.choice(cells)
    kind = chance.randrange(12)
    meta = cell["metadata"].setdefault("nbgrader", {})
    if kind == 0:
        meta[
            chance.choice(
                ["points", "locked", "solution", "grade", "schema_version", "task", "cell_type", "checksum"]
            )
        ] = chance.choice(VALUES)
    elif kind == 1:
        meta["grade_id"] = chance.choice([*VALUES, *course.POINTS, *(f"check-{n}" for n in course.POINTS)])
    elif kind == 2:
        cell["metadata"] = chance.choice(VALUES)
    elif kind == 3:
        cell["metadata"]["nbgrader"] = chance.choice(VALUES)
    elif kind == 4:
        cell["metadata"]["tags"] = chance.choice(
            [["skip-execution"], ["raises-exception"], "skip-execution", 7]
        )
    elif kind == 5:
        notebook["metadata"]["kernelspec"] = chance.choice([*VALUES, {"name": "bash"}, {"name": "../evil"}])
    elif kind == 6:
        cells.remove(cell)
    elif kind == 7:
        cells.insert(chance.randrange(len(cells)), copy.deepcopy(cell))
    elif kind == 8:
        cells[cells.index(cell)] = chance.choice(VALUES)
    elif kind == 9:
        cell[chance.choice(["cell_type", "outputs", "execution_count", "id", "attachments"])] = chance.choice(
            VALUES
        )
    elif kind == 10:
        notebook[chance.choice(["nbformat", "nbformat_minor", "metadata"])] = chance.choice(VALUES)
    elif meta.get("locked"):
        cell["source"] = chance.choice(["2.0", "print('full marks')", "raise SystemExit", ["x"], 7, None])


def score(submission: intake.Submission) -> float:
    """What these answers earn, by the only thing a score depends on: each answer's text."""
    return sum(
        points for name, points in course.POINTS.items() if submission.answers.get(name) == course.RIGHT[name]
    )


@pytest.mark.parametrize("start", range(0, 500, 50))
def test_no_metadata_mutation_crashes_or_gains_a_point(tmp_path, start):
    for number in range(start, start + 50):
        chance = random.Random(number)
        mixed = {n: chance.choice([course.RIGHT, course.WRONG])[n] for n in course.POINTS}
        notebook = course.answered(mixed)
        honest = score(take(written(tmp_path, notebook)))
        for _ in range(chance.choice([1, 1, 2, 5])):
            try:
                mutate(notebook, chance)
            except (AttributeError, TypeError, KeyError):
                continue  # an earlier mutation left nothing to mutate there
        submission = take(written(tmp_path, notebook))
        assert score(submission) <= honest, number
        assert set(submission.answers.values()) <= {
            s
            for s in [
                *mixed.values(),
                *(c.get("source") if isinstance(c, dict) else "" for c in notebook["cells"]),
            ]
            if isinstance(s, str)
        }
        nothing_but_answers_changed(submission)
        json.dumps(submission.notebook).encode()


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_no_byte_mutation_crashes_or_gains_a_point(tmp_path, start):
    for number in range(start, start + 50):
        chance = random.Random(number)
        data = bytearray(json.dumps(course.answered(course.WRONG), indent=chance.choice([None, 1])).encode())
        for _ in range(chance.choice([1, 3, 20])):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    del data[place : place + chance.randrange(1, 100)]
                case 2:
                    data[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 20)))
                case 3:
                    data[place] ^= 1 << chance.randrange(8)
        submission = take(written(tmp_path, bytes(data)))
        assert score(submission) == 0
        nothing_but_answers_changed(submission)
        submission.notebook and json.dumps(submission.notebook, ensure_ascii=False).encode()


def test_half_a_surrogate_pair_does_not_stop_the_class(tmp_path):
    data = json.dumps(course.answered({**course.RIGHT, "add_up": "x = '\ud800'"})).encode()
    submission = take(written(tmp_path, data))
    assert submission.answers["add_up"] == "x = '?'"


def test_what_is_no_student_is_not_taken_for_one(tmp_path):
    path = written(tmp_path, GOOD)
    for name in (".hidden", "a\nb", "x" * 200):
        (tmp_path / name / course.LAB).mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "other-lab-only" / "01-other").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("/etc")
    found = dict(intake.find(tmp_path, course.LAB))
    assert set(found) == {"ada", "linked"} and found["ada"] == path
    assert "link" in intake.take("linked", found["linked"], RELEASE).rejected


def test_cells_are_not_taken_from_where_they_only_look_like_answers(tmp_path):
    notebook = course.answered(course.WRONG)
    by_id(notebook, "add_up")["metadata"]["nbgrader"]["grade_id"] = ["add_up"]
    decoy = {
        "cell_type": "markdown",
        "id": "d",
        "metadata": {"grade_id": "add_up"},
        "source": course.RIGHT["add_up"],
    }
    notebook["cells"].append(decoy)
    assert "add_up" not in take(written(tmp_path, notebook)).answers
