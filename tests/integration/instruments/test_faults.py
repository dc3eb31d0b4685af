"""Fault plans over Postgres, Redis and a provider, against processes that really die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import redis
from pay_for_an_order import AMOUNT, pay_with_a_key, pay_with_a_key_for_each_try, pay_without_a_key

from grader.instruments.faults import sweep
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.provider import PaymentProvider
from grader.instruments.resp import RespProxy
from grader.instruments.steps import Journal


class Shop:
    """One system under one journal, and the plan every test runs."""

    def __init__(self, folder: Any, database: str, redis_url: str, crew: Any) -> None:
        self.journal, self.crew = Journal(), crew
        self.postgres = PostgresSteps(database, folder, journal=self.journal)
        self.proxy = RespProxy(redis_url, folder, journal=self.journal)
        self.bank = PaymentProvider(folder, journal=self.journal)
        self.rows = psycopg.connect(database, autocommit=True)
        self.rows.execute("CREATE TABLE payment (order_id int PRIMARY KEY, state text)")
        self.cache = redis.Redis.from_url(redis_url)

    def close(self) -> None:
        self.rows.close()
        self.cache.close()
        self.bank.close()
        self.proxy.close()
        self.postgres.close()

    def attempt(self, pay: Callable[..., None], tries: int = 4) -> str:
        self.rows.execute("TRUNCATE payment")
        self.bank.forget()
        self.cache.set("order:7", "not paid")
        for number in range(tries):
            place = self.postgres.url(), self.proxy.url(), self.bank.socket()
            if number:
                self.journal.note("caller", "asks again")
            if self.crew().call(pay, *place, 7)[0] == "ok":
                break
        self.postgres.settle()
        found = self.rows.execute("SELECT state FROM payment").fetchall()
        if self.bank.charged("order-7") != AMOUNT:
            return f"{self.bank.charged('order-7')} taken, must be {AMOUNT}"
        if found != [("done",)]:
            return f"rows {found}, must be one that is done"
        return "the cache still says not paid" if self.cache.get("order:7") else ""

    def sweep(self, pay: Callable[..., None], **more: Any) -> Any:
        return sweep(lambda: self.attempt(pay), self.journal, crash=self.crew.kill, **more)


@pytest.fixture
def shop(short, empty_database, redis_url, crew) -> Iterator[Shop]:
    shop = Shop(short, empty_database("learner"), redis_url, crew)
    yield shop
    shop.close()


def test_a_sound_answer_survives_every_single_fault(shop: Shop) -> None:
    swept = shop.sweep(pay_with_a_key)
    assert swept.counterexample is None
    assert [b.lane for b in swept.boundaries] == ["Postgres", "provider", "Postgres", "Redis"]
    assert (len(swept.trials), swept.same) == (13, 3)
    assert swept.complete
    assert str(swept) == (
        "faults of 4 kinds at all 4 boundaries (Postgres 2, provider 1, Redis 1): 13 runs, "
        "standing for 16, since to die after one step is to die before the next"
    )


def test_a_naive_answer_is_caught_with_the_simplest_story(shop: Shop) -> None:
    swept = shop.sweep(pay_without_a_key, stop_at=0)
    worst = swept.counterexample
    assert worst.broken == "200 taken, must be 100"
    assert worst.story.startswith("the process dies after charge 100 for order-7")
    line = worst.timeline
    assert line["lanes"] == ["caller", "Postgres", "Redis", "provider"]
    assert line["steps"][line["broken_at"]]["state"] == "crash"
    assert line["conclusion"] == worst.broken
    assert {t.broken for t in swept.trials if t.broken} == {"200 taken, must be 100"}
    kinds = {t.faults[0].action for t in swept.failures}
    assert {"crash after", "cut after"} <= kinds


def test_pairs_find_what_single_faults_do_not(shop: Shop) -> None:
    actions = ("cut after", "error")
    assert shop.sweep(pay_with_a_key_for_each_try, actions=actions, lanes=["provider"]).counterexample is None
    swept = shop.sweep(
        pay_with_a_key_for_each_try, actions=(*actions, "crash after"), lanes=["provider"], pairs=True
    )
    assert swept.counterexample.broken == "200 taken, must be 100"


def test_two_faults_at_every_pair_of_boundaries_leave_the_sound_answer_sound(shop: Shop) -> None:
    swept = shop.sweep(pay_with_a_key, actions=("cut after",), pairs=True)
    assert swept.counterexample is None
    assert any(len(t.faults) == 2 for t in swept.trials)


def test_an_answer_broken_without_faults_is_told_at_once(shop: Shop) -> None:
    swept = sweep(lambda: "always wrong", shop.journal)
    assert swept.counterexample is swept.baseline
    assert not swept.trials
