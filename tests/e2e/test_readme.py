"""Every command in the README works as it stands there, in a checkout of one's own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Commands whose own tests take minutes or a browser: the test that runs each.
ELSEWHERE = {
    "make lab": "tests/integration/test_opening.py",
    "make test": "Makefile",
    "grader verify 02-indexing": "tests/test_labs.py",
    "nbgrader autograde 02-indexing": "tests/e2e/test_nbgrader_cycle.py",
    "grader grade 02-indexing": "tests/integration/test_class_run.py",
}
ANSWER = "CREATE INDEX newest_orders_of_a_customer ON orders (customer_id, placed_at DESC);\n"


def commands() -> list[str]:
    """The command lines of the README's shell blocks, comments taken off."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git tracks or would track here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "course" / name)
    return tmp_path / "course"


def test_the_tests_named_for_other_commands_exist():
    assert set(ELSEWHERE) <= set(commands())
    for command, place in ELSEWHERE.items():
        words = command.split()[1]
        assert words in (ROOT / place).read_text(), f"{place} does not mention {words!r}"


@pytest.mark.server
def test_every_other_command_works_as_written(checkout, services):
    (checkout / "my_answer.sql").write_text(ANSWER)
    environ = {
        **os.environ,
        "GRADER_ROOT": str(checkout),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
    }
    for line in commands():
        if (
            line in ELSEWHERE or line == "grader down"
        ):  # the servers are shared with other tests until their end
            continue
        done = subprocess.run(
            shlex.split(line),
            cwd=checkout,
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.server
def test_grader_down_stops_what_grader_up_started(home):
    grader = [sys.executable, "-m", "grader"]
    assert subprocess.run([*grader, "up"], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*grader, "status"], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*grader, "down"], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*grader, "status"], check=False, capture_output=True).returncode == 1


def test_every_file_the_readme_links_to_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).is_file(), target
