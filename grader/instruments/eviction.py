"""What share of a trace a real server answers from memory, under a policy, a lifetime and a limit.

    with services.throwaway_redis() as server:
        replay(server.url, visits(1), "allkeys-lfu", ttl=1800).hit_rate

A trace of hours is replayed in a fraction of a second: lifetimes follow the trace's own seconds by the judge's hand.
The server's idle times are counted in whole real seconds, so that its LRU knows little of an order within the replay
and comes close to evicting at random; its LFU counts accesses and is what it is. Evictions happen between batches.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

ENTRY = 1000  # bytes of a value
ROOM = 500_000  # bytes above what the empty server uses
BATCH = 40  # accesses, after each of which the server may evict
_ACCESS = """
local hits, refused, missed = 0, 0, {}
for i = 1, #KEYS do
    if redis.call('GET', KEYS[i]) then hits = hits + 1
    else
        missed[#missed + 1] = i
        local ok = redis.pcall('SET', KEYS[i], ARGV[1], 'PXAT', ARGV[i + 1])
        if type(ok) == 'table' and ok.err then refused = refused + 1 end
    end
end
return {hits, refused, missed}
"""


@dataclass(frozen=True)
class Replayed:
    """hits of accesses; refused: entries the server had no room for; evicted: entries it threw out."""

    accesses: int
    hits: int
    refused: int
    evicted: int

    @property
    def hit_rate(self) -> float:
        return self.hits / self.accesses if self.accesses else 0.0


def replay(url: str, trace: Sequence[tuple[float, int]], policy: str, ttl: float) -> Replayed:
    """Plays `trace` ((second, key), in order) against an empty server of one's own, which is configured for it.

    Raises redis.ResponseError for a policy the server does not know.
    """
    client: Any = redis.Redis.from_url(url)
    with client:
        client.execute_command(
            "FLUSHALL", "SYNC"
        )  # freed at once, so that the limit starts from an empty server
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory-samples", 10)
        client.config_resetstat()
        client.config_set("maxmemory", client.info("memory")["used_memory"] + ROOM)
        script = client.script_load(_ACCESS)
        far = client.time()[0] * 1000 + 10**9  # the server itself never sees one expire; the order stays
        value = "x" * ENTRY
        hits = refused = 0
        due: list[tuple[float, int]] = []
        until: dict[int, float] = {}
        for start in range(0, len(trace), BATCH):
            batch = trace[start : start + BATCH]
            now = batch[0][0]
            gone = []
            while due and due[0][0] <= now:
                moment, key = heapq.heappop(due)
                if until.get(key) == moment:
                    gone.append(key)
            if gone:
                client.delete(*gone)
            expiries = [str(int(far + (second + ttl) * 1000)) for second, _ in batch]
            some, no, missed = client.evalsha(
                script, len(batch), *(key for _, key in batch), value, *expiries
            )
            hits, refused = hits + some, refused + no
            for i in missed:
                second, key = batch[i - 1]
                until[key] = second + ttl
                heapq.heappush(due, (second + ttl, key))
        evicted = client.info("stats")["evicted_keys"]
    return Replayed(len(trace), hits, refused, int(evicted))
