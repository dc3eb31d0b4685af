"""The authors' commands: build, verify, new. Imports are lazy, so that naming them costs nothing."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def register(subparsers: Any) -> None:
    """Adds the commands; each parser's `run` default is the function (arguments) -> exit code."""
    build = subparsers.add_parser("build", help="sources into notebooks, solutions and labs")
    build.add_argument("units", nargs="*", metavar="UNIT", help="slug, number or name; all if omitted")
    build.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything would change")
    build.add_argument("--execute", action="store_true", help="run the lessons even if unchanged")
    build.set_defaults(run=run_build)


def run_build(arguments: argparse.Namespace) -> int:
    from grader import catalog
    from grader.authoring.build import build, drift
    from grader.authoring.source import SourceError

    try:
        root = catalog.root()
        units = [catalog.unit(u, root) for u in arguments.units] or catalog.units(root)
        if arguments.check:
            found = drift(units, root)
            print("\n".join(found), file=sys.stderr) if found else None
            print(
                f"{len(found)} differences; `grader build` settles what is generated."
                if found
                else "up to date"
            )
            return 1 if found else 0
        changed = build(units, root, execute=arguments.execute)
        print(f"{changed} files changed" if changed else "up to date")
        return 0
    except (SourceError, catalog.CatalogError) as error:
        print(f"Nothing was written.\n{error}", file=sys.stderr)
        return 1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="grader")
    register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
