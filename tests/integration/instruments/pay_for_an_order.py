"""Two ways to pay for an order across Postgres, Redis and a provider. Imported by child processes."""

from __future__ import annotations

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.instruments.provider import PaymentClient, ProviderTimeout, ProviderUnavailable

AMOUNT = 100


def open_cache(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))


def pay_without_a_key(database: str, cache: str, bank: str, order: int) -> None:
    """Charges, then writes it down: whatever fails in between is charged again."""
    with psycopg.connect(database) as conn:
        paid = conn.execute("SELECT 1 FROM payment WHERE order_id = %s", (order,)).fetchone()
        if not paid:
            PaymentClient(bank).charge(amount=AMOUNT, reference=f"order-{order}")
            conn.execute("INSERT INTO payment VALUES (%s, 'done')", (order,))
    with open_cache(cache) as client:
        client.delete(f"order:{order}")


def pay_with_a_key(database: str, cache: str, bank: str, order: int) -> None:
    """Writes down the intention, charges under a key made from it, writes down the outcome."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("INSERT INTO payment VALUES (%s, 'started') ON CONFLICT DO NOTHING", (order,))
        PaymentClient(bank).charge(
            amount=AMOUNT, reference=f"order-{order}", idempotency_key=f"order-{order}"
        )
        conn.execute("UPDATE payment SET state = 'done' WHERE order_id = %s", (order,))
    with open_cache(cache) as client:
        client.delete(f"order:{order}")


def pay_with_a_key_for_each_try(database: str, cache: str, bank: str, order: int) -> None:
    """Retries a lost reply at once under the same key, but a second process makes a key of its own."""
    import uuid

    key = str(uuid.uuid4())
    with psycopg.connect(database, autocommit=True) as conn:
        if conn.execute("SELECT 1 FROM payment WHERE order_id = %s", (order,)).fetchone() is None:
            provider = PaymentClient(bank)
            for _ in range(3):
                try:
                    provider.charge(amount=AMOUNT, reference=f"order-{order}", idempotency_key=key)
                    break
                except (ProviderTimeout, ProviderUnavailable):
                    continue
            conn.execute("INSERT INTO payment VALUES (%s, 'done') ON CONFLICT DO NOTHING", (order,))
    with open_cache(cache) as client:
        client.delete(f"order:{order}")
