"""Checks of lab 02: judged by plan trees, pages touched at two scales, index size and WAL, never by time.

One module an exercise; importing them here, in the lab's order, registers them.
"""

from grader.checks.indexing import customer_orders, open_orders
from grader.checks.indexing.unit import lab

__all__ = ["customer_orders", "lab", "open_orders"]
