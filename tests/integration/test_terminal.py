"""The lab outside a browser: in a plain terminal, in a script, and the map in the shell."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import course
import pytest

pytestmark = pytest.mark.server

TYPED = """
from grader import Lab
lab = Lab("90-tiny")
def double(n): return n * n

lab.check("double")
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with course.opened(tmp_path_factory.mktemp("course")) as environ:
        yield environ


def run(environ: dict[str, str], *arguments: str, typed: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=typed,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_the_card_is_printed_where_no_html_is_shown(environ: dict[str, str], tmp_path: Path):
    own = {"IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)}
    shown = run(environ | own, "-m", "IPython", "--simple-prompt", "--no-banner", typed=TYPED)
    assert "NOT YET: 1 of 2 points" in shown and "Squaring agrees" in shown
    assert "Out[4]: 1.0" in shown
    told = run(environ, "-m", "grader", "progress")
    assert re.search(r"◐ double +1 of 2 points, 1 try", told), told


def test_a_script_without_a_notebook_is_told_what_is_missing(environ: dict[str, str]):
    script = "from grader import Lab; print(float(Lab('90-tiny').check('double')))"
    shown = run(environ, "-c", script)
    assert "No cell that binds `double`" in shown and shown.endswith("0.0\n")
