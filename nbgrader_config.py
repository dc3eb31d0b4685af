"""nbgrader's configuration: run its commands, JupyterLab and formgrader from this folder.

The environment's `bin` must be on PATH (`. .venv/bin/activate`): nbgrader calls alembic.
"""

from pathlib import Path

from grader.authoring.labs import RELEASE_STEPS
from grader.classroom.course import configure

configure(get_config(), Path(__file__).resolve().parent, RELEASE_STEPS)  # noqa: F821
