"""Webhooks as a payment provider sends them: signed, and delivered twice, out of order, or not at all.

events = story("order-7", 100, "created", "succeeded", "refunded")
for event in deliveries(events, bench.random(), duplicates=2, lost=[0]):
    worker.call("apply_webhook", connection, event)

sent = webhook(event, secret, clock.time())
caller.request("POST", "/webhooks", content=sent.body, headers=sent.headers)
for attack, fake in forged(sent, secret, clock.time()).items(): ...      # all must be refused
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Webhook:
    """One delivery: bytes and headers as they go over the wire."""

    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


def sign(body: bytes, secret: str, at: float) -> str:
    """`t=<seconds>,v1=<hex HMAC-SHA256 over "<seconds>.<raw body>">`, as several providers do."""
    moment = str(int(at))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def webhook(event: dict[str, Any], secret: str, at: float) -> Webhook:
    """A correctly signed delivery of `event`."""
    body = json.dumps(event, separators=(",", ":")).encode()
    return Webhook(body, {"content-type": "application/json", "webhook-signature": sign(body, secret, at)})


def forged(genuine: Webhook, secret: str, at: float) -> dict[str, Webhook]:
    """Deliveries a receiver must refuse, by the name of the attack."""
    event = {**genuine.event, "id": "evt_forged"}
    other = webhook(event, secret, at)
    headers = dict(genuine.headers)
    no_signature = {k: v for k, v in headers.items() if k != "webhook-signature"}
    return {
        "no signature": Webhook(other.body, no_signature),
        "signature of another body": Webhook(other.body, headers),
        "wrong secret": webhook(event, secret + "x", at),
        "an hour old": webhook(event, secret, at - 3600),
        "an hour ahead": webhook(event, secret, at + 3600),
        "empty signature": Webhook(other.body, {**headers, "webhook-signature": ""}),
        "only the time": Webhook(other.body, {**headers, "webhook-signature": f"t={int(at)}"}),
    }


def story(reference: str, amount: int, *statuses: str, start: float = 0.0) -> list[dict[str, Any]]:
    """Events of one payment in the order they happened: `id`, `type`, `created`, `sequence`, `data`.

    statuses, for instance "created", "succeeded", "refunded"; sequence counts from 1.
    """
    return [
        {
            "id": f"evt_{reference}_{n}",
            "type": f"charge.{status}",
            "created": start + n,
            "sequence": n,
            "data": {"reference": reference, "amount": amount, "status": status},
        }
        for n, status in enumerate(statuses or ("created", "succeeded", "refunded"), 1)
    ]


def deliveries(
    events: Sequence[dict[str, Any]], random: Random, *, duplicates: int = 2, lost: Iterable[int] = ()
) -> list[dict[str, Any]]:
    """`events` as a real sender delivers them: shuffled, `duplicates` of them again, those at indices `lost` never."""
    gone = set(lost)
    sent = [e for i, e in enumerate(events) if i not in gone]
    sent += [random.choice(sent) for _ in range(duplicates if sent else 0)]
    random.shuffle(sent)
    return sent
