"""The payment provider, its webhooks and the broker, over real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

from grader.instruments import standin
from grader.instruments.broker import Broker, BrokerClient, BrokerUnavailable
from grader.instruments.clock import VirtualClock
from grader.instruments.provider import (
    PaymentClient,
    PaymentProvider,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from grader.instruments.standin import Request, Response, StandIn
from grader.instruments.steps import Journal
from grader.instruments.webhooks import deliveries, forged, sign, story, webhook


@pytest.fixture
def bank(short) -> Iterator[PaymentProvider]:
    with PaymentProvider(short, lookup_lag=5) as bank:
        yield bank


@pytest.fixture
def client(bank: PaymentProvider) -> PaymentClient:
    return PaymentClient(bank.socket("A"))


def test_a_key_charges_once_and_replays_the_same_bytes(bank: PaymentProvider) -> None:
    http = standin.client(bank.socket())
    body = {"amount": 100, "reference": "o"}
    first, second = (http.post("/v1/charges", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    other = http.post("/v1/charges", json={**body, "amount": 1}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 422
    assert bank.charged("o") == 100
    bank.clock.advance(24 * 3600)
    http.post("/v1/charges", json=body, headers={"Idempotency-Key": "k"})
    assert bank.charged("o") == 200


@pytest.mark.parametrize(
    ("action", "error", "charges"),
    [
        ("go", None, 1),
        ("duplicate", None, 2),
        ("cut before", ProviderTimeout, 0),
        ("cut after", ProviderTimeout, 1),
        ("error", ProviderUnavailable, 0),
        ("error after", ProviderUnavailable, 1),
        ("garbage", ProviderUnavailable, 1),
    ],
)
def test_faults(bank: PaymentProvider, client: PaymentClient, action: Any, error: Any, charges: int) -> None:
    bank.script(action)
    if error is None:
        client.charge(amount=5, reference="o")
    else:
        with pytest.raises(error):
            client.charge(amount=5, reference="o")
    assert len(bank.charges) == charges
    assert bank.clock.elapsed() == (10 if error is ProviderTimeout else 0)
    client.charge(amount=5, reference="p")
    assert bank.charged("p") == 5


def test_a_timeout_is_a_real_timeout_without_the_wait(bank: PaymentProvider) -> None:
    bank.script("cut after", "cut after")
    with pytest.raises(httpx.ReadTimeout):
        standin.client(bank.socket()).post("/v1/charges", json={"amount": 1})

    async def ask() -> None:
        async with standin.async_client(bank.socket()) as http:
            await http.post("/v1/charges", json={"amount": 1})

    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(ask())
    bank.script("cut after")
    with pytest.raises(httpx.RemoteProtocolError):  # a client that is not ours sees its connection closed
        httpx.post(bank.tcp_url() + "/v1/charges", json={"amount": 1}, trust_env=False)


def test_look_ups_lag_behind(bank: PaymentProvider, client: PaymentClient) -> None:
    made = client.charge(amount=5, reference="o")
    assert client.find("o") == []
    bank.clock.advance(5)
    assert client.find("o") == [made] == [client.get(made["id"])]
    assert client.refund(made["id"])["status"] == "refunded"
    assert bank.charged("o") == 0


def test_refusals_move_nothing(bank: PaymentProvider, client: PaymentClient) -> None:
    bank.declined.add("broke")
    for reference, amount, status in [("broke", 5, 402), ("o", 0, 400), ("o", True, 400)]:
        with pytest.raises(ProviderRefused) as refused:
            client.charge(amount=amount, reference=reference)
        assert refused.value.status == status
    assert bank.charges == []


def test_a_slow_provider_is_held_not_timed(bank: PaymentProvider, client: PaymentClient) -> None:
    bank.script("hold")
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(client.charge(amount=5, reference="o")))
    thread.start()
    step = bank.journal.wait_for_step("A")
    assert step.text == "charge 5 for o (key none)"
    assert (bank.charges, done) == ([], [])
    step.release()
    thread.join()
    assert bank.charged("o") == 5


def test_webhooks_are_signed_over_the_raw_body() -> None:
    event = story("o", 100)[0]
    sent = webhook(event, "secret", 1000.0)
    assert sent.event == event
    assert sent.headers["webhook-signature"] == sign(sent.body, "secret", 1000.0)
    for attack, fake in forged(sent, "secret", 1000.0).items():
        given = fake.headers.get("webhook-signature", "")
        fresh = given == sign(fake.body, "secret", 1000.0)
        assert not fresh, attack


def test_deliveries_duplicate_reorder_and_lose() -> None:
    events = story("o", 100, "created", "succeeded", "refunded")
    assert [e["sequence"] for e in events] == [1, 2, 3]
    orders = {tuple(e["sequence"] for e in deliveries(events, Random(n), duplicates=1)) for n in range(50)}
    assert len(orders) > 10
    assert all(sorted(set(o)) == [1, 2, 3] and len(o) == 4 for o in orders)
    assert {e["sequence"] for e in deliveries(events, Random(1), lost=[1])} == {1, 3}


def test_the_broker_keeps_what_it_was_told_even_if_nobody_heard(short) -> None:
    journal = Journal()
    with Broker(short, journal=journal) as broker:
        client = BrokerClient(broker.socket("relay"))
        assert client.publish("orders", "7", {"total": 3}) == 0
        journal.arm(1, "cut after")
        with pytest.raises(BrokerUnavailable):
            client.publish("orders", "7", {"total": 4})
        assert [m.value["total"] for m in broker.published] == [3, 4]
        assert journal.timeline()["steps"][1]["state"] == "lost"


def test_our_own_mistakes_do_not_pass_for_the_answers(short) -> None:
    class Broken(StandIn):
        def respond(self, request: Request) -> Response:
            raise KeyError("ours")

    with pytest.raises(RuntimeError, match="stand-in failed"), Broken(short) as broken:
        assert standin.client(broken.socket()).get("/").status_code == 500


def test_large_and_odd_requests_are_refused(bank: PaymentProvider) -> None:
    http = standin.client(bank.socket())
    assert http.post("/v1/charges", content=b"x" * 1_000_001).status_code == 413
    assert http.post("/v1/charges", content=b"not json").status_code == 400
    assert http.get("/v2").status_code == 404
    assert http.delete("/v1/charges").status_code == 405


def test_closing_lets_nobody_wait(short) -> None:
    bank = PaymentProvider(short, clock=VirtualClock())
    bank.script("hold")
    seen: list[Any] = []

    def ask() -> None:
        try:
            PaymentClient(bank.socket("A")).charge(amount=1, reference="o")
        except ProviderTimeout as error:
            seen.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    bank.journal.wait_for_step("A")
    bank.close()
    thread.join(20)
    assert len(seen) == 1
