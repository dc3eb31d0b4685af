"""Checks of lab 04: every interleaving and every crash of the learner's own code, on the real server.

One module an exercise; importing them here, in the lab's order, registers them.
"""

from grader.checks.transactions import transfer
from grader.checks.transactions.unit import lab

__all__ = ["lab", "transfer"]
