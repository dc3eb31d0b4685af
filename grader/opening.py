"""What `make lab` does once the environment is there: servers, workspace, data, JupyterLab.

The shop's data take some seconds and JupyterLab starts meanwhile: whoever needs them first waits for them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from grader import catalog, services
from grader.services.errors import in_words
from grader.services.progress import Narrator

_QUIET = (
    "--ip=127.0.0.1",
    "--LabApp.news_url=None",  # no news; the question about them is answered in jupyter/labconfig
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
_JUDGES_TEMPLATES = ("shop_small", "shop_medium")


def open_lab(options: Sequence[str]) -> int:
    """Opens JupyterLab on the workspace and returns its exit code, 0 if a signal ended it.

    options: further ones of jupyter lab.
    """
    say = Narrator()
    services.up(say)
    workspace = prepare_workspace()
    environ = lab_environment()
    say("Starting JupyterLab; Ctrl-C here stops it, the servers go on until `grader down`.")
    data = subprocess.Popen(
        ["nice", sys.executable, "-m", "grader", "data"], env=environ, stdin=subprocess.DEVNULL
    )
    lab = subprocess.Popen([*lab_command(workspace), *options], env=environ)
    try:
        return max(_wait(lab), 0)
    finally:
        data.terminate()  # if it is still busy: it goes on where it was the next time
        data.wait()


def prepare_workspace() -> Path:
    """Brings `work/` up to date: every lab is there, nothing a learner edited is touched."""
    from grader.notebook import workspace

    with in_words(workspace.folder()):
        workspace.folder().mkdir(exist_ok=True)
        for unit in catalog.labs():
            if unit.lab.is_file() and not (workspace.folder() / unit.slug).exists():
                workspace.start(unit.slug)
        workspace.sync()
    return workspace.folder()


def prepare_data() -> None:
    """Builds the learner's shop and the judge's templates, unless they are there. Resumable."""
    from grader import shop

    say = Narrator()
    running = services.up(say)

    def told(step: str, share: float) -> None:
        say(f"Preparing the shop (once): {step}")

    shop.ensure_shop(running.postgres, progress=told)
    for name in _JUDGES_TEMPLATES:
        shop.ensure_template(running.judge_postgres, name)


def lab_command(workspace: Path) -> list[str]:
    """jupyter lab on the workspace, with the tour open if there is one."""
    command = [sys.executable, "-m", "jupyterlab", *_QUIET, f"--ServerApp.root_dir={workspace}"]
    tours = sorted(workspace.glob("lessons/00-*.ipynb"))
    if tours:
        command.append(f"--LabApp.default_url=/lab/tree/{tours[0].relative_to(workspace).as_posix()}")
    if os.getuid() == 0:
        command.append("--allow-root")
    return command


def lab_environment() -> dict[str, str]:
    """The environment with this interpreter's scripts first on PATH: nbgrader calls alembic by name."""
    scripts = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        "GRADER_ROOT": str(catalog.root()),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            [str(Path(__file__).parent / "jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
        ),
        "GRADER_HOME": str(services.home()),
    }


def _wait(lab: subprocess.Popen[bytes]) -> int:
    """Waits for JupyterLab. Ctrl-C reaches it too (same terminal) and it asks before it goes; so we stay."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: lab.send_signal(number))
    return lab.wait()
