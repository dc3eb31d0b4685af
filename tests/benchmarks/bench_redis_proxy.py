"""What watching Redis costs: one line of JSON a figure.

The same commands go straight to the server and through the proxy, alternating, so the ratio holds on a busy machine. Client
and proxy share this process and its interpreter lock, which makes the proxy look dearer than it is in a check.
`python tests/benchmarks/bench_redis_proxy.py [ROUNDS]`
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import redis

from grader import services
from grader.instruments.clock import VirtualClock
from grader.instruments.resp import RespProxy

COMMANDS = 300


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_by_one(client: redis.Redis) -> None:
    for _ in range(COMMANDS):
        client.get("k")


def pipelined(client: redis.Redis) -> None:
    with client.pipeline(transaction=False) as pipe:
        for _ in range(COMMANDS):
            pipe.get("k")
        pipe.execute()


def figure(
    name: str, rounds: int, target: float, work: Callable[[redis.Redis], None], url: str, clock: bool
) -> None:
    ratios = []
    with (
        tempfile.TemporaryDirectory(prefix="bm-b-") as folder,
        RespProxy(url, folder, clock=VirtualClock() if clock else None) as proxy,
        redis.Redis.from_url(url) as direct,
        redis.Redis.from_url(proxy.url()) as through,
    ):
        work(direct)
        work(through)
        for _ in range(rounds):
            ratios.append(seconds(lambda: work(through)) / seconds(lambda: work(direct)))
            proxy.journal.clear()
    value = round(statistics.median(ratios), 3)
    detail = {"rounds": rounds, "commands": COMMANDS, "largest": round(max(ratios), 3)}
    print(
        json.dumps({"figure": name, "value": value, "unit": "ratio", "target": target, "detail": detail}),
        flush=True,
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    url = services.up().judge_redis.url
    figure("redis proxy, one command at a time, against no proxy", rounds, 5.0, one_by_one, url, False)
    figure("redis proxy with virtual time, against no proxy", rounds, 5.0, one_by_one, url, True)
    figure("redis proxy, pipelined, against no proxy", rounds, 12.0, pipelined, url, False)


if __name__ == "__main__":
    main()
