"""Readers and writers of one price in Postgres and Redis. Imported by child processes."""

from __future__ import annotations

import functools

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.instruments.answer_clock import AnswerClock, connect

KEY = "price:7"


@functools.cache
def database(url: str) -> psycopg.Connection:
    return psycopg.connect(url)


@functools.cache
def cache(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))


@functools.cache
def clock(path: str) -> AnswerClock:
    return connect(path)


def write_then_delete(db: str, store: str, price: int) -> None:
    conn = database(db)
    with conn.transaction():
        conn.execute("UPDATE product SET price = %s WHERE id = 7", (price,))
    cache(store).delete(KEY)


def write_then_delete_twice(db: str, store: str, price: int) -> None:
    write_then_delete(db, store, price)
    cache(store).delete(KEY)


def read_price(db: str) -> int:
    conn = database(db)
    with conn.transaction():
        return conn.execute("SELECT price FROM product WHERE id = 7").fetchone()[0]


def read_and_fill(db: str, store: str) -> int:
    known = cache(store).get(KEY)
    if known is not None:
        return int(known)
    price = read_price(db)
    cache(store).set(KEY, price, ex=60)
    return price


def read_only_hits(db: str, store: str) -> int:
    """No fill at all: never stale, never fast."""
    known = cache(store).get(KEY)
    return int(known) if known is not None else read_price(db)


def wait_for_work(store: str) -> bytes:
    return cache(store).blpop(["work"], timeout=30)[1]


def send_work(store: str) -> int:
    cache(store).set("sent", 1)
    return cache(store).rpush("work", "parcel")


def poll_for_flag(store: str, path: str) -> int:
    """Looks, sleeps on the virtual clock, looks again."""
    for tries in range(1, 6):
        if cache(store).get("flag"):
            return tries
        clock(path).sleep(5)
    return 0


def set_flag(store: str) -> None:
    cache(store).set("flag", 1)
