"""Every lesson runs from top to bottom and shows what its committed outputs show (nbval), within its time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def shop(services) -> None:
    """The learner's shop, built beforehand: building it is announced, in cells that are compared."""
    from grader.shop import ensure_shop

    ensure_shop(services.postgres)


@pytest.mark.server
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_runs_and_repeats_itself(lesson: Path, shop: None) -> None:
    """A kernel of its own finds this run's servers by GRADER_HOME, which it inherits."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval.cfg'}"]
    quiet = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--tb=short", "--nbval-cell-timeout=120"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *quiet, str(lesson)],
        cwd=ROOT,
        env={**environ, "GRADER_ROOT": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
