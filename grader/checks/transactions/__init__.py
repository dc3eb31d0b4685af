"""Checks of lab 04: every interleaving and every crash of the learner's own code, on the real server.

One module an exercise; importing them here, in the lab's order, registers them.
"""

# isort: off
from grader.checks.transactions import predict_anomalies
from grader.checks.transactions import transfer
from grader.checks.transactions import reserve_stock
from grader.checks.transactions import rename_product
from grader.checks.transactions import go_off_call
from grader.checks.transactions import settle
from grader.checks.transactions import run_transaction
from grader.checks.transactions import monthly_report
from grader.checks.transactions import who_blocks_whom
from grader.checks.transactions import nightly_job
from grader.checks.transactions.unit import lab
# isort: on

__all__ = [
    "go_off_call",
    "lab",
    "monthly_report",
    "nightly_job",
    "predict_anomalies",
    "rename_product",
    "reserve_stock",
    "run_transaction",
    "settle",
    "transfer",
    "who_blocks_whom",
]
