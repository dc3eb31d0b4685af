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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from grader.judge.stock import Stock

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="grader.judge.serve")
    parser.add_argument("--die-with", type=int, metavar="PID")
    parser.add_argument("--lab", default="", help="the lab the first request is likely to be about")
    options = parser.parse_args(arguments)
    if options.die_with and not _die_with(options.die_with):
        return 0
    replies = _claim_stdout()
    from grader.judge.stock import Stock

    stock = Stock()
    _warm(options.lab, stock)
    for line in sys.stdin.buffer:
        replies.write(json.dumps(_answer(line, stock)).encode() + b"\n")
        replies.flush()
        _between(stock.tend)  # while the learner reads
    _between(stock.clear)
    return 0


def _between(tend: Callable[[Any], None]) -> None:
    """Tends the stock on the servers that run; a server that is down is the next check's business."""
    from grader import services

    try:
        tend(services.up().judge_postgres)
    except Exception:
        traceback.print_exc()


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


def _warm(lab: str, stock: Stock) -> None:
    """Pays for imports, servers and data before the first request; what fails here fails again, with words, then."""
    try:
        from grader import services, shop
        from grader.judge import load_checks, trusted_launcher

        trusted_launcher().warm()
        if lab:
            load_checks(lab)
        server = services.up().judge_postgres
        shop.ensure_template(server, "shop_small")
        stock.sweep(server)
        stock.tend(server)
    except Exception:
        traceback.print_exc()


def _answer(line: bytes, stock: Stock) -> dict[str, Any]:
    try:
        request = json.loads(line)
        from grader.judge import judge_answer

        verdict = judge_answer(
            request["lab"],
            request["exercise"],
            request["source"],
            schedule=request.get("schedule"),
            stock=stock,
        )
        return {"verdict": verdict.to_json()}
    except Exception as error:
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    sys.exit(main())
