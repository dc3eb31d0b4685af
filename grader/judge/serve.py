"""`python -m grader.judge.serve`: the judge as a process of its own, one JSON line in, one out.

in:  {"lab": "04-transactions", "exercise": "transfer", "source": "def transfer(...): ...", "schedule": null}
out: {"verdict": {...}} or {"failed": "one sentence"}

It ends when its input does; with `--die-with PID` also when the thread that started it dies, however suddenly.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import traceback
from typing import Any, BinaryIO

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="grader.judge.serve")
    parser.add_argument("--die-with", type=int, metavar="PID")
    parser.add_argument("--lab", default="", help="the lab the first request is likely to be about")
    options = parser.parse_args(arguments)
    if options.die_with and not _die_with(options.die_with):
        return 0
    replies = _claim_stdout()
    _warm(options.lab)
    for line in sys.stdin.buffer:
        replies.write(json.dumps(_answer(line)).encode() + b"\n")
        replies.flush()
    return 0


def _die_with(parent: int) -> bool:
    """Asks the kernel to end this process with its parent (Linux). False: the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def _claim_stdout() -> BinaryIO:
    """Keeps the real stdout for replies; whatever else prints goes to stderr, the log."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _warm(lab: str) -> None:
    """Pays for imports, servers and data before the first request; what fails here fails again, with words, then."""
    try:
        from grader import services, shop
        from grader.judge import load_checks, trusted_launcher

        trusted_launcher().warm()
        if lab:
            load_checks(lab)
        shop.ensure_template(services.up().judge_postgres, "shop_small")
    except Exception:
        traceback.print_exc()


def _answer(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        from grader.judge import judge_answer

        verdict = judge_answer(
            request["lab"], request["exercise"], request["source"], schedule=request.get("schedule")
        )
        return {"verdict": verdict.to_json()}
    except Exception as error:
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    sys.exit(main())
