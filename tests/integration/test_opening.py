"""What `make lab` does behind the environment: servers, workspace, an answering JupyterLab."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from grader import services
from grader.opening import lab_command, lab_environment, prepare_workspace
from grader.services.process import pause

SLUG = "00-start-here"


def notebook(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


@pytest.fixture
def course(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one lesson and one lab."""
    root = home / "course"
    root.mkdir()
    (root / "pyproject.toml").write_text("")
    notebook(root / "notebooks" / f"{SLUG}.ipynb", "# The tour")
    (root / "notebooks" / f"{SLUG}.py").write_text("# %% [markdown]\n# # The tour\n")
    notebook(root / "labs" / SLUG / f"{SLUG}.ipynb", "# The lab")
    (root / "solutions").mkdir()
    (root / "solutions" / f"{SLUG}.py").write_text("# %% [markdown]\n# # The lab\n")
    monkeypatch.setenv("GRADER_ROOT", str(root))
    return root


def test_the_workspace_holds_every_lab_and_lesson_and_keeps_what_was_edited(course):
    work = prepare_workspace()
    assert work == course / "work"
    edited = work / SLUG / f"{SLUG}.ipynb"
    notebook(edited, "# Mine")
    notebook(course / "labs" / SLUG / f"{SLUG}.ipynb", "# A newer lab")
    prepare_workspace()
    assert "# Mine" in edited.read_text()
    assert (work / "lessons" / f"{SLUG}.ipynb").exists()


def test_jupyterlab_is_asked_to_stay_local_quiet_and_on_the_tour(course):
    command = lab_command(prepare_workspace())
    assert "--ip=127.0.0.1" in command
    assert f"--LabApp.default_url=/lab/tree/lessons/{SLUG}.ipynb" in command
    assert ("--allow-root" in command) == (os.getuid() == 0)
    environ = lab_environment()
    assert environ["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environ["GRADER_ROOT"] == str(course)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_jupyterlab_answers_and_the_servers_outlive_it(course, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=test",
    ]
    with (tmp_path / "log").open("wb") as log:
        lab = subprocess.Popen([sys.executable, "-m", "grader", "lab", *options], stdout=log, stderr=log)
    try:
        while not answers(f"http://127.0.0.1:{port}/lab/tree/lessons/{SLUG}.ipynb?token=test"):
            assert lab.poll() is None, (tmp_path / "log").read_text()
            pause(0.05, lab.pid)
    finally:
        lab.send_signal(signal.SIGTERM)
        code = lab.wait(60)
    assert code == 0
    assert [condition.state for condition in services.status()] == ["running"] * 4
