"""The authors' commands: build, verify, new. Imports are lazy, so that naming them costs nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.catalog import Unit


def register(subparsers: Any) -> None:
    """Adds the commands; each parser's `run` default is the function (arguments) -> exit code."""
    build = subparsers.add_parser("build", help="sources into notebooks, solutions and labs")
    build.add_argument("units", nargs="*", metavar="UNIT", help="slug, number or name; all if omitted")
    build.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything would change")
    build.add_argument("--execute", action="store_true", help="run the lessons even if unchanged")
    build.set_defaults(run=run_build)
    verify = subparsers.add_parser("verify", help="the kill matrix: every answer against every property")
    verify.add_argument("lab", nargs="?", help="slug, number or name; every lab if omitted")
    verify.add_argument("--exercise", default="", help="only this exercise")
    verify.add_argument("--json", action="store_true", help="the matrix as data")
    verify.add_argument("--repeat", type=int, default=1, metavar="N", help="judge everything N times")
    verify.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="with N sets of private parameters, not with one"
    )
    verify.add_argument("--load", action="store_true", help="with every core kept busy")
    verify.set_defaults(run=run_verify)
    new = subparsers.add_parser("new", help="scaffold a unit: lesson, lab, checks and variants")
    new.add_argument("slug", help="two digits and lower-case words: 04-transactions")
    new.set_defaults(run=run_new)


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


def run_verify(arguments: argparse.Namespace) -> int:
    import json

    from grader import catalog
    from grader.authoring.print_matrix import print_matrix
    from grader.authoring.source import SourceError
    from grader.authoring.verify import verify

    try:
        root = catalog.root()
        units = _named(arguments.lab, catalog.judged(root)) if arguments.lab else catalog.judged(root)
        whole = []
        for unit in units:
            matrix = verify(
                unit,
                exercise=arguments.exercise,
                repeat=arguments.repeat,
                seeds=arguments.seeds,
                load=arguments.load,
            )
            whole.append(matrix)
            if not arguments.json:
                print_matrix(matrix)
        orphans = [] if arguments.lab else _orphans(root, {unit.slug for unit in units})
    except (SourceError, catalog.CatalogError) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({"labs": [m.to_json() for m in whole], "orphans": orphans}, indent=1))
    for orphan in orphans:
        print(orphan, file=sys.stderr)
    return 0 if all(m.ok for m in whole) and not orphans else 1


def run_new(arguments: argparse.Namespace) -> int:
    from grader import catalog
    from grader.authoring.new import scaffold
    from grader.authoring.source import SourceError

    try:
        root = catalog.root()
        for path in scaffold(arguments.slug, root):
            print(f"wrote {path.relative_to(root)}")
    except (SourceError, catalog.CatalogError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Next: grader build {arguments.slug} && grader verify {arguments.slug}")
    return 0


def _named(name: str, units: list[Unit]) -> list[Unit]:
    """A unit by its slug, number or name, also one whose lab is not written yet."""
    from grader import catalog

    return [u for u in units if name in (u.slug, u.slug[:2], u.slug[3:])] or [catalog.unit(name)]


def _orphans(root: Path, slugs: set[str]) -> list[str]:
    """Folders of variants that are named like no unit."""
    folders = sorted(p for p in (root / "tests" / "labs").glob("[!_]*/"))
    return [f"tests/labs/{p.name}/ belongs to no unit." for p in folders if p.name not in slugs]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="grader")
    register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
