"""What share of a trace a real server answers from memory, under a policy, a lifetime and a limit.

    with services.throwaway_redis() as server:
        replay(server.url, visits(1), "allkeys-lfu", ttl=1800).hit_rate

A trace of hours is replayed in a fraction of a second, on the trace's own seconds: lifetimes end by the judge's hand.
The server counts idle time in whole real seconds, in which the whole replay would be one moment; under the LRU
policies every entry is therefore put back at each access with the idle time it would have (RESTORE ... IDLETIME),
and the server evicts by that. Under the LFU policies it counts accesses as always, and they never decay, because less
than a minute passes. Evictions happen between batches.
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
_LONG = 10**6  # seconds, more than any trace lasts
# KEYS: of one batch; ARGV: the value (dumped, for LRU), then the moment of expiry and the idle time of each key.
_ACCESS = """
local hits, refused, missed = 0, 0, {}
for i = 1, #KEYS do
    if redis.call('GET', KEYS[i]) then hits = hits + 1
    else
        missed[#missed + 1] = i
        local ok = redis.pcall('SET', KEYS[i], ARGV[1], 'PXAT', ARGV[2 * i])
        if type(ok) == 'table' and ok.err then refused = refused + 1 end
    end
end
return {hits, refused, missed}
"""
_ACCESS_LRU = """
local hits, refused, missed = 0, 0, {}
for i = 1, #KEYS do
    local ends = redis.call('PEXPIRETIME', KEYS[i])
    if ends > 0 then hits = hits + 1 else missed[#missed + 1] = i ends = ARGV[2 * i] end
    local ok = redis.pcall('RESTORE', KEYS[i], ends, ARGV[1], 'REPLACE', 'ABSTTL', 'IDLETIME', ARGV[2 * i + 1])
    if type(ok) == 'table' and ok.err then refused = refused + 1 end
end
return {hits, refused, missed}
"""


@dataclass(frozen=True)
class Replayed:
    """hits of accesses; refused: entries the server had no room for; evicted: entries it threw out; kept: entries
    that were there in the end."""

    accesses: int
    hits: int
    refused: int
    evicted: int
    kept: int = 0

    @property
    def hit_rate(self) -> float:
        return self.hits / self.accesses if self.accesses else 0.0


def replay(
    url: str, trace: Sequence[tuple[float, int]], policy: str, ttl: float, room: int = ROOM
) -> Replayed:
    """Plays `trace` ((second, key), in order) against an empty server of one's own, which is configured for it.

    room: bytes for entries. Raises redis.ResponseError for a policy the server does not know.
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
        script = client.script_load(_ACCESS_LRU if policy.endswith("lru") else _ACCESS)
        value = _value(client, policy)
        client.config_set("maxmemory", client.info("memory")["used_memory"] + room)
        far = client.time()[0] * 1000 + 10**9  # the server itself never sees one expire; the order stays
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
            times = [
                str(int(n)) for second, _ in batch for n in (far + (second + ttl) * 1000, _LONG - second)
            ]
            some, no, missed = client.evalsha(script, len(batch), *(key for _, key in batch), value, *times)
            hits, refused = hits + some, refused + no
            for i in missed:
                second, key = batch[i - 1]
                until[key] = second + ttl
                heapq.heappush(due, (second + ttl, key))
        evicted = client.info("stats")["evicted_keys"]
        kept = client.dbsize()
    return Replayed(len(trace), hits, refused, int(evicted), int(kept))


def _value(client: Any, policy: str) -> Any:
    """What an entry holds, in the form its script wants."""
    value = "x" * ENTRY
    if not policy.endswith("lru"):
        return value
    client.set("sample", value)
    dumped = client.dump("sample")
    client.delete("sample")
    return dumped


def best_possible(trace: Sequence[tuple[float, int]], entries: int) -> float:
    """The hit rate of whoever knows the future: throws out what is needed last (Belady, 1966). No lifetimes."""
    upcoming: list[float] = [0.0] * len(trace)
    seen: dict[int, int] = {}
    for i in range(len(trace) - 1, -1, -1):
        key = trace[i][1]
        upcoming[i] = seen.get(key, float("inf"))
        seen[key] = i
    held: dict[int, float] = {}
    latest: list[tuple[float, int]] = []
    hits = 0
    for (_, key), again in zip(trace, upcoming, strict=True):
        hits += key in held
        held[key] = again
        heapq.heappush(latest, (-again, key))
        while len(held) > entries:
            moment, other = heapq.heappop(latest)
            if held.get(other) == -moment:
                del held[other]
    return hits / len(trace) if trace else 0.0
