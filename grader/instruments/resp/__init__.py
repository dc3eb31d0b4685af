"""The Redis wire proxy: sees, counts, holds, breaks every command an answer sends to a real server.

It speaks RESP2 and RESP3 and understands pipelines, MULTI/EXEC (one step, the EXEC), pub/sub, Lua and blocking
commands. What client libraries send on their own account (HELLO, CLIENT, SELECT, PING, SCRIPT ...) is passed on and
is no step.

    journal = Journal()
    with RespProxy(bench.redis_url(), bench.scratch(), journal=journal, clock=clock) as proxy:
        worker = answer.spawn()
        client = Resource("redis", proxy.url("A"))           # one URL a caller
        worker.call("get_product", connection, client, 7)
        [s.text for s in proxy.steps("A")]                   # ['GET product:7', 'SET product:7 ... EX 60']
        proxy.counts["GET"]                                  # 1

Faults: `journal.arm(2, "cut after")` strikes the third step of the journal, whatever lane it is on;
`journal.hold()` holds all, `journal.hold(lambda s: s.text.startswith("SET"))` some; `proxy.down()`, `proxy.up()`,
`proxy.cut_connections()`. An injected error is `proxy.error` (a LOADING error, which clients take for transient).

Time: with `clock`, TTLs, EXAT/PXAT, TIME and the timeouts of blocking commands follow the virtual clock only
(`grader.instruments.resp.expiry`); `proxy.ttl(key)` is what a key has left. `proxy.latency = 0.2` makes the
server slow: every step takes that much virtual time. A server that does not answer at all is `journal.hold()`.
"""

from grader.instruments.resp.proxy import RespProxy
from grader.instruments.steps import Journal, Step

__all__ = ["Journal", "RespProxy", "Step"]
