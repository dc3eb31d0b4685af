"""The commands on servers: up, down, status, doctor."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any


def register(subparsers: Any) -> None:
    """Adds the commands; each parser's `run` default is the function (arguments) -> exit code."""
    up = subparsers.add_parser("up", help="start the servers that do not run")
    up.set_defaults(run=_up)
    down = subparsers.add_parser("down", help="stop every server that `up` started; the learner's data stay")
    down.set_defaults(run=_down)
    status = subparsers.add_parser(
        "status", help="say what runs where; exit code 1 if something does not run"
    )
    status.add_argument("--json", action="store_true", help="the same as JSON")
    status.set_defaults(run=_status)
    doctor = subparsers.add_parser("doctor", help="say in plain words what is wrong and what to do")
    doctor.set_defaults(run=_doctor)


def _up(arguments: argparse.Namespace) -> int:
    from grader import services
    from grader.services.progress import Narrator

    running = services.up(Narrator())
    print(f"PostgreSQL {running.postgres.version}: {running.postgres.shown()}")
    print(f"Redis protocol:  {running.redis.shown()}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    from grader import services
    from grader.services.progress import Narrator

    stopped = services.down(Narrator())
    print(f"{len(stopped)} servers stopped." if stopped else "Nothing was running.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from grader import services

    found = services.status()
    if arguments.json:
        print(json.dumps([asdict(condition) for condition in found], indent=1))
    else:
        for condition in found:
            pid = f"pid {condition.pid}" if condition.pid else ""
            print(f"{condition.name:<12} {condition.state:<10} {condition.where} {pid}".rstrip())
    return 0 if all(condition.state in ("running", "elsewhere") for condition in found) else 1


def _doctor(arguments: argparse.Namespace) -> int:
    from grader.services.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok ' if finding.well else 'BAD'}  {finding.said}")
    ill = [finding for finding in findings if not finding.well]
    print("\nNothing is wrong." if not ill else f"\nTo do: {len(ill)}; see the lines marked BAD.")
    return 1 if ill else 0
