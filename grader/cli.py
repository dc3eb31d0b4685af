"""The console command `grader`: parse, call, print.

Each package that has commands offers `grader.<package>.commands.register(subparsers)`. A command is a function
`(arguments) -> exit code`: 0 done, 1 the answer is no, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

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
    lab.epilog = "Further options are passed on to jupyter lab."
    lab.set_defaults(run=_lab, options=[])
    data = commands.add_parser("data", help="build the shop's databases, if they are not there yet")
    data.set_defaults(run=_data)
    return top


def parse(given: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; what follows `lab` is jupyter lab's own."""
    if given[:1] == ["lab"] and given[1:2] not in (["-h"], ["--help"]):
        parsed = parser().parse_args(["lab"])
        parsed.options = list(given[1:])
        return parsed
    return parser().parse_args(given)


def run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """The command's exit code; what a person can put right is said in one sentence, with exit code 2."""
    from grader.catalog import CatalogError
    from grader.services.errors import ServiceError

    try:
        return command(arguments) or 0
    except (ServiceError, CatalogError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `grader status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    parsed = parse(list(sys.argv[1:] if arguments is None else arguments))
    return run(parsed.run, parsed)


def _lab(arguments: argparse.Namespace) -> int:
    from grader.opening import open_lab

    return open_lab(arguments.options)


def _data(arguments: argparse.Namespace) -> int:
    from grader.opening import prepare_data

    prepare_data()
    return 0


if __name__ == "__main__":
    sys.exit(main())
