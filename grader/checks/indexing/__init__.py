"""Checks of lab 02: judged by plan trees, pages touched at two scales, index size and WAL, never by time.

One module an exercise; importing them here, in the lab's order, registers them.
"""

# isort: off
from grader.checks.indexing.unit import lab
from grader.checks.indexing import read_the_plan
from grader.checks.indexing import customer_orders
from grader.checks.indexing import open_orders
from grader.checks.indexing import email_lookup
from grader.checks.indexing import covering
from grader.checks.indexing import sargable
from grader.checks.indexing import fk_delete
from grader.checks.indexing import stale_statistics
from grader.checks.indexing import index_budget
from grader.checks.indexing import row_or_column

__all__ = [
    "covering",
    "customer_orders",
    "email_lookup",
    "fk_delete",
    "index_budget",
    "lab",
    "open_orders",
    "read_the_plan",
    "row_or_column",
    "sargable",
    "stale_statistics",
]
