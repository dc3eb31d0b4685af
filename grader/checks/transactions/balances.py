"""What the accounts of `transfer` and `settle` hold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from grader.instruments.explore import Run

Balances = Mapping[str, str]  # account id -> balance as text, JSON-safe


def total(state: Balances) -> Decimal:
    return sum(map(Decimal, state.values()), Decimal(0))


def same(state: Balances, wanted: Mapping[str, Decimal]) -> bool:
    return {id: Decimal(b) for id, b in state.items()} == dict(wanted)


def words(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{id}: {balance}" for id, balance in state.items())


def overdrawn(run: Run) -> str:
    for id, balance in run.state.items():
        if Decimal(balance) < 0:
            return f"account {id} went below zero: {balance}"
    return ""
