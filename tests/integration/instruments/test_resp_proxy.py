"""The Redis proxy against the real server, in both protocols."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.instruments.clock import VirtualClock, age_keys
from grader.instruments.resp import Journal, RespProxy


class Bench:
    def __init__(
        self, folder: Any, url: str, protocol: int, clock: VirtualClock | None = None, **more: Any
    ) -> None:
        self.journal, self.protocol = Journal(), protocol
        self.proxy = RespProxy(url, folder, journal=self.journal, clock=clock, **more)
        self._clients: list[redis.Redis] = []
        self._threads: list[threading.Thread] = []

    def client(self, caller: str = "A", **more: Any) -> redis.Redis:
        client = redis.Redis.from_url(
            self.proxy.url(caller), protocol=self.protocol, retry=Retry(NoBackoff(), 0), **more
        )
        self._clients.append(client)
        return client

    def start(self, call: Any, *arguments: Any) -> list[Any]:
        """Runs a call on a thread; its outcome appears in the list."""
        outcome: list[Any] = []

        def run() -> None:
            try:
                outcome.append(call(*arguments))
            except redis.RedisError as error:
                outcome.append(error)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()
        return outcome

    def join(self) -> None:
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def close(self) -> None:
        self.journal.let_go()
        self.proxy.close()
        for client in self._clients:
            client.close()
        self.join()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def bench(request, short, redis_url) -> Iterator[Bench]:
    bench = Bench(short, redis_url, request.param)
    yield bench
    bench.close()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def timed(request, short, redis_url) -> Iterator[tuple[Bench, VirtualClock]]:
    clock = VirtualClock()
    bench = Bench(short, redis_url, request.param, clock)
    yield bench, clock
    bench.close()


def test_a_client_cannot_tell_the_proxy_from_the_server(bench: Bench, redis_url: str) -> None:
    direct = redis.Redis.from_url(redis_url, protocol=bench.protocol)
    through = bench.client()

    def everything(client: redis.Redis) -> list[Any]:
        client.flushdb()
        return [
            client.set("text", "x" * 300_000),
            client.get("text"),
            client.hset("hash", mapping={"a": 1, "b": 2}),
            client.hgetall("hash"),
            client.zadd("scores", {"a": 1.5, "b": 2}),
            client.zrange("scores", 0, -1, withscores=True),
            client.sadd("set", "m"),
            client.smembers("set"),
            client.eval("return {1, 'two', false, redis.status_reply('FINE')}", 0),
            client.xadd("stream", {"k": "v"}, id="1-1"),
            client.xread({"stream": "0"}),
            client.pipeline().set("a", 1).incr("a").get("nothing").execute(),
            client.config_get("maxmemory-policy"),
            sorted(client.scan_iter()),
        ]

    assert everything(through) == everything(direct)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        through.lpush("text", 1)
    direct.close()


def test_steps_are_what_the_answer_did_and_nothing_else(bench: Bench) -> None:
    client = bench.client("A")
    client.ping()
    client.set("k", 1, ex=60)
    client.get("k")
    bench.client("B").get("k")
    assert [s.text for s in bench.proxy.steps("A")] == ["SET k 1 EX 60", "GET k"]
    assert [s.result for s in bench.proxy.steps("A")] == ["OK", "1"]
    assert [s.caller for s in bench.journal.steps] == ["A", "A", "B"]
    assert bench.proxy.counts["GET"] == 2
    assert bench.proxy.steps("A")[0].touches == ("k",)


def test_a_transaction_is_one_step_and_a_pipeline_is_many(bench: Bench) -> None:
    client = bench.client()
    assert client.pipeline().set("a", 1).incr("a").execute() == [True, 2]
    assert client.pipeline(transaction=False).get("a").get("b").execute() == [b"2", None]
    assert [s.text for s in bench.proxy.steps()] == ["MULTI; SET a 1; INCRBY a 1; EXEC", "GET a", "GET b"]


def test_a_watched_key_that_changes_aborts_the_transaction(bench: Bench) -> None:
    client = bench.client("A")
    with client.pipeline() as pipe:
        pipe.watch("k")
        bench.client("B").set("k", 2)
        pipe.multi()
        pipe.set("k", 1)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("k") == b"2"


def test_a_held_command_has_no_effect_until_it_is_released(bench: Bench) -> None:
    writer, reader = bench.client("A"), bench.client("B")
    reader.get("k")
    bench.journal.hold(lambda step: step.caller == "A")
    outcome = bench.start(writer.set, "k", "v")
    step = bench.journal.wait_for_step("A")
    assert (step.lane, step.text, step.state) == ("Redis", "SET k v", "held")
    assert reader.get("k") is None
    step.release()
    bench.join()
    assert outcome == [True]
    assert reader.get("k") == b"v"


def test_pipelined_commands_are_held_one_by_one(bench: Bench) -> None:
    client, other = bench.client("A"), bench.client("B")
    other.get("x")
    bench.journal.hold(lambda step: step.caller == "A")
    outcome = bench.start(client.pipeline(transaction=False).set("k", 1).incr("k").execute)
    bench.journal.wait_for_step("A").release()
    second = bench.journal.wait_for_step("A")
    assert second.text == "INCRBY k 1"
    other.set("k", 10)
    second.release()
    bench.join()
    assert outcome == [[True, 11]]


@pytest.mark.parametrize(
    ("action", "effect", "error"),
    [
        ("cut before", None, redis.ConnectionError),
        ("cut after", b"v", redis.ConnectionError),
        ("error", None, redis.exceptions.BusyLoadingError),
        ("garbage", None, redis.RedisError),
    ],
)
@pytest.mark.parametrize("transaction", [False, True], ids=["single", "EXEC"])
def test_faults_strike_where_they_say(
    bench: Bench, action: Any, effect: Any, error: Any, transaction: bool
) -> None:
    client, other = bench.client("A"), bench.client("B")
    bench.journal.arm(0, action)
    with pytest.raises(error):
        if transaction:
            client.pipeline().set("k", "v").execute()
        else:
            client.set("k", "v")
    assert other.get("k") == effect
    assert [a for _, a in bench.journal.struck] == [action]
    assert client.set("k", "again") is True  # struck once, then well again


def test_a_crash_happens_before_the_caller_can_notice(bench: Bench) -> None:
    seen: list[Any] = []
    bench.journal.on_crash = lambda caller: seen.append((caller, len(outcome)))
    client = bench.client("A")
    bench.journal.arm(0, "crash after")
    outcome: list[Any] = bench.start(client.set, "k", "v")
    bench.join()
    assert seen == [("A", 0)]
    assert bench.proxy.steps()[0].state == "crash"
    assert bench.client("B").get("k") == b"v"


def test_down_and_up_again(bench: Bench) -> None:
    client = bench.client()
    client.set("k", "v")
    bench.proxy.down()
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            client.get("k")
    bench.proxy.up()
    assert client.get("k") == b"v"


def test_a_caller_that_hangs_up_abandons_its_step(bench: Bench) -> None:
    impatient = bench.client("A", socket_timeout=0.05)
    impatient.get("k")
    bench.journal.hold()
    with pytest.raises(redis.TimeoutError):
        impatient.set("k", "v")
    bench.journal.wait(lambda: bench.proxy.steps()[-1].state == "abandoned")
    bench.journal.let_go()
    assert bench.client("B").get("k") is None


def test_open_connections_are_counted(bench: Bench) -> None:
    client = bench.client("A", single_connection_client=True)
    client.ping()
    assert (bench.proxy.connections("A"), bench.proxy.connections("B")) == (1, 0)
    client.close()
    bench.journal.wait(lambda: bench.proxy.connections("A") == 0)


def test_published_messages_arrive_and_can_be_held(short, redis_url) -> None:
    for protocol in (2, 3):
        bench = Bench(short, redis_url, protocol, push_steps=True)
        subscriber = bench.client("B").pubsub()
        subscriber.subscribe("news", "more")
        assert [subscriber.get_message(timeout=5)["channel"] for _ in range(2)] == [b"news", b"more"]
        bench.journal.hold(lambda step: step.text.startswith("deliver"))
        assert bench.client("A").publish("news", "hi") == 1
        step = bench.journal.wait_for_step("B")
        assert step.text == "deliver message news hi"
        assert subscriber.get_message(timeout=0) is None
        step.release()
        assert subscriber.get_message(timeout=5)["data"] == b"hi"
        subscriber.unsubscribe()
        assert subscriber.get_message(timeout=5)["type"] == "unsubscribe"
        subscriber.close()
        bench.close()


def test_a_blocking_command_is_seen_to_wait(bench: Bench) -> None:
    outcome = bench.start(bench.client("A").blpop, ["work"])
    bench.journal.wait(lambda: any(s.waiting() for s in bench.proxy.steps("A")))
    assert not bench.proxy.steps("A")[0].finished()
    bench.client("B").rpush("work", "parcel")
    bench.join()
    assert [bytes(part) for part in outcome[0]] == [b"work", b"parcel"]


def test_monitor_is_refused_in_words(bench: Bench) -> None:
    with pytest.raises(redis.ResponseError, match="not available here"):
        bench.client().execute_command("MONITOR")


def test_ttls_obey_the_virtual_clock_alone(timed) -> None:
    bench, clock = timed
    client = bench.client()
    client.set("set", 1, ex=30)
    client.execute_command("SETEX", "setex", 30, 1)
    client.execute_command("PSETEX", "psetex", 30_000, 1)
    client.set("expire", 1)
    client.expire("expire", 30)
    client.set("at", 1, exat=int(clock.time()) + 30)
    client.set("later", 1)
    client.expireat("later", int(clock.time()) + 31)
    client.pipeline().set("piped", 1).expire("piped", 30).execute()
    client.set("for ever", 1)
    names = ["set", "setex", "psetex", "expire", "at", "piped"]
    clock.advance(29)
    assert [client.ttl(n) for n in names] == [1] * 6
    assert client.pipeline().pttl("set").ttl("set").expiretime("set").execute() == [
        1000,
        1,
        int(clock.time()) + 1,
    ]
    assert bench.proxy.ttl("set") == 1
    assert client.exists(*names) == 6
    clock.advance(1)
    assert client.exists(*names) == 0
    assert client.ttl("later") == 1
    assert (client.ttl("for ever"), client.ttl("never was")) == (-1, -2)
    assert client.time() == (int(clock.time()), 0)


def test_the_ttls_of_fields_obey_it_as_well(timed) -> None:
    bench, clock = timed
    client = bench.client()
    client.hset("h", mapping={"a": 1, "b": 2, "c": 3, "d": 4, "for ever": 5})
    now = int(clock.time())
    assert client.hexpire("h", 30, "a") == [1]
    assert client.pipeline().hpexpire("h", 30_000, "b").hexpireat("h", now + 30, "c").execute() == [[1], [1]]
    assert client.execute_command("HSETEX", "h", "PX", 30_000, "FIELDS", 2, "e", 6, "EX", 7) == 1
    assert client.execute_command("HGETEX", "h", "EX", 31, "FIELDS", 1, "d") == [b"4"]
    assert client.hget("h", "EX") == b"7"  # a field, though it is called as an option is
    clock.advance(29)
    assert client.httl("h", "a", "b", "c", "e", "EX", "d", "for ever", "no") == [1, 1, 1, 1, 1, 2, -1, -2]
    assert client.pipeline().hpttl("h", "a").hexpiretime("h", "a").execute() == [[1000], [now + 30]]
    assert bench.proxy.ttl("h") is None
    clock.advance(1)
    assert client.hkeys("h") == [b"d", b"for ever"]
    client.hdel("h", "for ever")
    assert bench.proxy.ttl("h") == 1
    assert client.hexpire("h", 0, "d") == [2]
    assert client.exists("h") == 0


def test_entries_of_a_group_become_idle_in_virtual_time(timed) -> None:
    bench, clock = timed
    client = bench.client()
    client.xgroup_create("s", "g", id="0", mkstream=True)
    early = client.xadd("s", {"n": 1})
    client.xreadgroup("g", "dead", {"s": ">"})
    clock.advance(40)
    late = client.xadd("s", {"n": 2})
    client.xreadgroup("g", "dead", {"s": ">"})
    clock.advance(30)
    assert client.xautoclaim("s", "g", "alive", min_idle_time=60_000)[1] == [(early, {b"n": b"1"})]
    assert client.xpending_range("s", "g", "-", "+", 10, consumername="dead")[0]["message_id"] == late
    clock.advance(30)
    assert [id for id, _ in client.xautoclaim("s", "g", "alive", min_idle_time=59_000)[1]] == [late]


def test_fields_expire_in_scripts(timed) -> None:
    bench, clock = timed
    client = bench.client()
    source = (
        "redis.call('HSET', KEYS[1], 'a', 1, 'b', 2) redis.call('HEXPIRE', KEYS[1], 5, 'FIELDS', 1, 'a')\n"
        "return redis.call('HPTTL', KEYS[1], 'FIELDS', 2, 'a', 'b')"
    )
    assert client.eval(source, 1, "h") == [5000, -1]
    clock.advance(5)
    assert client.hkeys("h") == [b"b"]


def test_scripts_live_in_virtual_time_too(timed) -> None:
    bench, clock = timed
    client = bench.client()
    source = (
        "redis.call('SET', KEYS[1], 'x', 'PX', 1500) redis.call('SET', KEYS[2], 'y') redis.call('EXPIRE', KEYS[2], 2)\n"
        "return {redis.call('PTTL', KEYS[1]), redis.call('TTL', KEYS[2]), redis.call('TIME')[1]}"
    )
    script = client.register_script(source)
    for _ in range(2):
        assert script(keys=["a", "b"]) == [1500, 2, str(int(clock.time())).encode()]
        clock.advance(1.5)
        assert (client.exists("a"), client.exists("b")) == (0, 1)
    with pytest.raises(redis.ResponseError, match=r"line: 2|:2:"):
        client.eval("local a = 1\nerror('here')", 0)


def test_a_script_the_server_knows_from_before_is_not_run_in_real_time(timed, redis_url) -> None:
    bench, _ = timed
    with redis.Redis.from_url(redis_url) as direct:
        sha = direct.script_load("return redis.call('TIME')[1]")
    with pytest.raises(redis.exceptions.NoScriptError):
        bench.client().evalsha(sha, 0)


def test_a_blocking_timeout_is_virtual(timed) -> None:
    bench, clock = timed
    outcome = bench.start(bench.client("A").blpop, ["work"], 3600)
    bench.journal.wait(lambda: any(s.waiting() for s in bench.proxy.steps("A")))
    clock.advance(3599)
    assert not outcome
    clock.advance(1)
    bench.join()
    assert outcome == [None]


def test_a_slow_server_costs_virtual_time_only(timed) -> None:
    bench, clock = timed
    client = bench.client()
    client.set("k", 1, px=500)
    bench.proxy.latency = 0.2
    assert client.get("k") == b"1"
    assert client.pttl("k") == 100
    assert client.get("k") is None
    assert round(clock.elapsed(), 3) == 0.6


def test_keys_age_by_the_judges_hand_without_a_proxy(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("short", 1, ex=10)
        client.set("long", 1, ex=1000)
        client.set("for ever", 1)
        assert age_keys(client, 60) == ["short"]
        assert client.exists("short") == 0
        assert 900 < client.ttl("long") <= 940
        assert client.ttl("for ever") == -1


def test_fifty_misses_meet_and_are_counted_exactly(bench: Bench) -> None:
    """All fifty have missed before the first may go on: the worst case, made, not hoped for."""
    url = bench.proxy.url("A")
    computed: list[int] = []

    async def get_or_compute(client: Any, number: int) -> None:
        if await client.get("popular") is None and await client.set("lock", number, nx=True, ex=30):
            computed.append(number)
            await client.set("popular", number)

    async def crowd() -> None:
        pool = redis.asyncio.ConnectionPool.from_url(url, protocol=bench.protocol, max_connections=60)
        client = redis.asyncio.Redis(connection_pool=pool)
        await asyncio.gather(*(get_or_compute(client, n) for n in range(50)))
        await client.aclose()
        await pool.aclose()

    bench.journal.hold(lambda step: step.text == "GET popular")
    bench.start(lambda: asyncio.run(crowd()))
    bench.journal.wait(lambda: len(bench.journal.held()) == 50)
    bench.journal.let_go()
    bench.join()
    assert len(computed) == 1
    assert bench.proxy.counts["SET"] == 51
