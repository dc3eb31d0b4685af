"""How much stands in Redis, members of collections counted one by one."""

from __future__ import annotations

from typing import Any


def elements(cache: Any, key: bytes) -> int:
    """How many things a key holds: 1 for a string, the members of anything else."""
    count = {
        b"hash": cache.hlen,
        b"set": cache.scard,
        b"zset": cache.zcard,
        b"list": cache.llen,
        b"stream": cache.xlen,
    }.get(cache.type(key))
    return int(count(key)) if count else 1


def piled_up(cache: Any, entry: int) -> int:
    """How many things stand in keys without an expiry; of a string, how many of `entry` bytes it has room for."""
    found = 0
    for key in cache.scan_iter(count=1000):
        if cache.ttl(key) < 0:
            text = cache.type(key) == b"string"
            found += max(1, cache.strlen(key) // entry) if text else elements(cache, key)
    return found
