"""The console command `grader`: parse, call, print.

Each package that has commands offers `grader.<package>.commands.register(subparsers)`. A command is a function
`(arguments) -> exit code`: 0 done, 1 the answer is no, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

PACKAGES = ("services", "notebook", "judge", "authoring", "classroom")


def parser() -> argparse.ArgumentParser:
    """The whole command line. Command modules import what they need only when they run."""
    top = argparse.ArgumentParser(
        prog="grader", description="Backend Mentor: lessons, labs and the servers they run on."
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for package in PACKAGES:
        name = f"grader.{package}.commands"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        module.register(commands)
    lab = commands.add_parser("lab", help="start the servers, prepare the workspace, open JupyterLab")
    lab.add_argument("options", nargs=argparse.REMAINDER, help="passed on to jupyter lab")
    lab.set_defaults(run=_lab)
    data = commands.add_parser("data", help="build the shop's databases, if they are not there yet")
    data.set_defaults(run=_data)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; what a person can put right is said in one sentence, with exit code 2."""
    from grader.catalog import CatalogError
    from grader.services.errors import ServiceError

    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["lab"]:  # argparse would take the options of jupyter lab for its own
        given.insert(1, "--")
    parsed = parser().parse_args(given)
    try:
        return int(parsed.run(parsed) or 0)
    except (ServiceError, CatalogError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _lab(arguments: argparse.Namespace) -> int:
    from grader.opening import open_lab

    return open_lab([option for option in arguments.options if option != "--"])


def _data(arguments: argparse.Namespace) -> int:
    from grader.opening import prepare_data

    prepare_data()
    return 0


if __name__ == "__main__":
    sys.exit(main())
