"""The console command: cheap to start, complete, and never a traceback for what a person can put right."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

import pytest

from grader import cli
from grader.services.errors import ServiceError

HEAVY = {
    "psycopg",
    "sqlalchemy",
    "duckdb",
    "fastapi",
    "nbgrader",
    "IPython",
    "redis",
    "matplotlib",
    "pyarrow",
}


@pytest.mark.parametrize("package", cli.PACKAGES)
def test_every_package_offers_its_commands(package):
    top = argparse.ArgumentParser()
    importlib.import_module(f"grader.{package}.commands").register(top.add_subparsers())


def test_the_command_line_is_read_without_loading_anything_heavy():
    script = "import sys; from grader import cli; cli.parser(); print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_the_documented_commands_exist(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    for command in (
        "up",
        "down",
        "status",
        "doctor",
        "start",
        "sync",
        "build",
        "verify",
        "new",
        "judge",
        "progress",
    ):
        assert f"    {command} " in shown, command


@pytest.mark.parametrize("error", [ServiceError("The disk is full; free some."), KeyboardInterrupt()])
def test_a_failure_is_a_sentence_and_an_exit_code(error, capsys):
    def fails(arguments: argparse.Namespace) -> int:
        raise error

    code = cli.run(fails, argparse.Namespace())
    shown = capsys.readouterr()
    assert shown.out == ""
    assert (code, shown.err) == ((2, "The disk is full; free some.\n") if str(error) else (130, ""))


def test_options_of_jupyter_lab_are_passed_on():
    parsed = cli.parse(["lab", "--no-browser", "--port", "9999", "-y"])
    assert parsed.options == ["--no-browser", "--port", "9999", "-y"]
    assert cli.parse(["lab"]).options == []
