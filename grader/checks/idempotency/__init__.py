"""Checks of lab 10: what is sent twice, late, out of order or into a crash has its effect once.

One module an exercise; importing them here, in the lab's order, registers them.
"""

# isort: off
from grader.checks.idempotency.unit import lab
from grader.checks.idempotency import upsert_price
from grader.checks.idempotency import handle_event
from grader.checks.idempotency import charge
from grader.checks.idempotency import call_with_retry
from grader.checks.idempotency import payments
from grader.checks.idempotency import place_order
from grader.checks.idempotency import apply_webhook

__all__ = [
    "apply_webhook",
    "call_with_retry",
    "charge",
    "handle_event",
    "lab",
    "payments",
    "place_order",
    "upsert_price",
]
