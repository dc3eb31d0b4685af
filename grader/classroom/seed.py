"""The course's seed: what makes a class's data, amounts and schedules differ from those anybody can try at home.

Kept outside the repository and shown nowhere. Lose it and later runs judge anew; publish it and remembered
answers are worth something again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from grader.services import home

NAME = "course-seed"


class SeedError(ValueError):
    """The seed file cannot be used; the message says why."""


def course_seed(path: Path | None = None) -> int:
    """The seed in `path`, or in the course's own file, which is made (0600) when there is none yet.

    A number is taken as it is, any other text by its hash. Raises SeedError.
    """
    file = path or home() / NAME
    if path is None and not file.exists():
        _make(file)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(
            f"The seed file {file} cannot be read ({error}); name another with --seed-file."
        ) from None
    if not text:
        raise SeedError(f"The seed file {file} is empty; put a long random text in it.")
    if text.isdigit() and len(text) <= 18:
        return int(text)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def configured_seed_file(config: Any) -> Path | None:
    """What nbgrader's configuration of the course says (`c.JudgeAnswers.seed_file`): one place for both commands."""
    named = config.get("JudgeAnswers", {}).get("seed_file")
    return Path(named).expanduser() if isinstance(named, str) and named else None


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w") as out:
        out.write(secrets.token_urlsafe(32) + "\n")
