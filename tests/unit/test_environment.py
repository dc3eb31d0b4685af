"""The scripts before there is an environment: what they say when something is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "environment"
TOOLS = ("sh", "cat", "mktemp", "rm", "grep", "cksum")


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def machine(folder: Path, **programs: str) -> Path:
    """A PATH that holds the barest tools and these programs."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    for name, text in programs.items():
        program(folder / name.replace("_", "."), text)
    return folder


def run(path: Path, checkout: Path) -> subprocess.CompletedProcess[str]:
    checkout.mkdir()
    (checkout / "requirements.lock").write_text("")
    return subprocess.run(
        [str(path / "sh"), str(SCRIPT), ".venv"],
        cwd=checkout,
        env={"PATH": str(path), "TMPDIR": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_is_refused_in_a_sentence(tmp_path):
    done = run(machine(tmp_path / "bin", python3="exit 1", python="exit 1"), tmp_path / "checkout")
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11 or newer was not found: install it")
    assert len(done.stderr.splitlines()) == 1


def test_a_python_without_venv_is_told_what_to_install(tmp_path):
    python = 'case "$*" in *venv*) echo "ensurepip is not available"; exit 1;; esac; exit 0'
    done = run(machine(tmp_path / "bin", python3_11=python), tmp_path / "checkout")
    assert done.returncode == 2
    assert "install the package python3-venv" in done.stderr


def test_a_failed_installation_shows_why_and_a_full_disk_is_named(tmp_path):
    pip = 'case "$*" in *requirements.lock*) echo "[Errno 28] No space left on device" >&2; exit 1;; esac; exit 0'
    python = """case "$*" in "-m venv "*) /bin/mkdir -p .venv/bin; /bin/cp "$0.pip" .venv/bin/python;; esac; exit 0"""
    path = machine(tmp_path / "bin", python3_11=python)
    program(path / "python3.11.pip", pip)
    done = run(path, tmp_path / "checkout")
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("The disk is full")
    assert (tmp_path / "checkout/.venv/.installing").exists()


def test_the_scripts_are_well_formed():
    for script, shell in ((".ci/environment", "sh"), (".ci/run", "bash")):
        subprocess.run([shell, "-n", ROOT / script], check=True)
    assert "set -euo pipefail" in (ROOT / ".ci/run").read_text()


def test_make_offers_the_documented_targets():
    text = (ROOT / "Makefile").read_text()
    for target in ("lab", "test", "campaign", "bench", "lint", "env"):
        assert re.search(rf"^{target}:", text, re.MULTILINE), target
    subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "lint"], cwd=ROOT, check=True, capture_output=True
    )
