"""Checks of lab 11: statements and commands counted on both wires, time and TTLs moved by the judge's hand.

One module an exercise; importing them here, in the lab's order, registers them.
"""

# isort: off
from grader.checks.caching import get_product
from grader.checks.caching import update_price
from grader.checks.caching import get_or_compute
from grader.checks.caching import find_product
from grader.checks.caching import get_with_fallback
from grader.checks.caching import catalog
from grader.checks.caching import choose_policy
from grader.checks.caching import record_view
from grader.checks.caching import two_level
from grader.checks.caching import early_refresh
from grader.checks.caching.unit import lab
# isort: on

__all__ = [
    "catalog",
    "choose_policy",
    "early_refresh",
    "find_product",
    "get_or_compute",
    "get_product",
    "get_with_fallback",
    "lab",
    "record_view",
    "two_level",
    "update_price",
]
