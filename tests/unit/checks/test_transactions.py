"""Judges of lab 04 on hand-written histories."""

from decimal import Decimal
from typing import Any

import pytest

from grader.checks.concurrency import Scene
from grader.checks.exercise import Rejected
from grader.checks.running import Error, Opaque, Reply
from grader.checks.transactions import lab
from grader.checks.transactions.nightly_job import Alone as JobAlone
from grader.checks.transactions.nightly_job import History as Nights
from grader.checks.transactions.predict_anomalies import LEVELS, NAMES, Cell, predictions
from grader.checks.transactions.predict_anomalies import History as Grid
from grader.checks.transactions.run_transaction_scenes import SCENARIOS, Outcome
from grader.checks.transactions.run_transaction_scenes import History as Retries
from grader.checks.transactions.transfer_bank import Alone, Move, Staged
from grader.checks.transactions.transfer_bank import History as Transfers
from grader.checks.transactions.who_blocks_whom import named
from grader.instruments.explore import Run, parse

OK = Reply()
POOR = Reply(error=Error("domain", "InsufficientFunds"))
BEFORE = {"1": "100.00", "2": "100.00", "3": "100.00", "4": "100.00"}


def outcomes(exercise: str, history: Any) -> dict[str, str]:
    return {f.property: str(f.outcome) for f in lab.exercises[exercise].judge(history)}


def run(schedule: str, state: Any, *replies: Reply) -> Run:
    return Run(
        choices=parse(schedule), state=state, replies=list(replies), endings=["returned"] * len(replies)
    )


def transfers(state: dict[str, str], *replies: Reply) -> Transfers:
    """Two transfers of 60 out of account 1, which pays for one; everything else as it should be."""
    move = Move(1, 2, Decimal(60))
    done = {**BEFORE, "1": "40.00", "2": "160.00"}
    return Transfers(
        BEFORE,
        [
            Alone("a transfer", move, True, OK, BEFORE, done),
            Alone("too much", move, False, POOR, BEFORE, BEFORE),
        ],
        [Staged(Scene("two transfers", [run("1 2 2 1", state, *replies)]), [move, move])],
        Staged(Scene("cut short", [run("1", done, OK)]), [move]),
        Staged(Scene("others", [run("1 2", done, OK, OK)]), [move, Move(3, 4, Decimal(60))]),
    )


def test_one_of_two_transfers_refused_is_right() -> None:
    found = outcomes("transfer", transfers({**BEFORE, "1": "40.00", "2": "160.00"}, OK, POOR))
    assert set(found.values()) == {"PASS"}


@pytest.mark.parametrize(
    ("state", "replies", "failed"),
    [
        ({"1": "40.00", "2": "160.00"}, (OK, OK), "no_lost_update"),
        ({"1": "-20.00", "2": "220.00"}, (OK, OK), "no_overdraft"),
        ({"1": "100.00", "2": "100.00"}, (POOR, POOR), "every_transfer_answered"),
        ({"1": "40.00", "2": "100.00"}, (OK, POOR), "no_lost_update"),
    ],
)
def test_each_way_to_lose_money_fails_its_property(
    state: dict[str, str], replies: tuple[Reply, ...], failed: str
) -> None:
    found = outcomes("transfer", transfers({**BEFORE, **state}, *replies))
    assert [name for name, outcome in found.items() if outcome == "FAIL"] == [failed]


@pytest.mark.parametrize(
    "grid",
    [
        {"P4": ("allowed", "Prevented", "prevented")},
        {"p4": {"read committed": "allowed", "REPEATABLE_READ": False, "Serializable": "prevented"}},
        {"READ COMMITTED": {"P4": True}, "RR": {"P4": "prevented"}, "SER": {"P4": "prevented"}},
        {("P4", "rc"): "a", ("P4", "rr"): "p", ("P4", "serializable"): "p"},
    ],
)
def test_a_grid_is_read_in_any_shape(grid: Any) -> None:
    words = ("allowed", "prevented", "prevented")
    assert predictions(grid) == {("P4", level): word for level, word in zip(LEVELS, words, strict=True)}


def test_text_is_no_grid() -> None:
    with pytest.raises(Rejected):
        predictions("P4 is allowed")
    with pytest.raises(Rejected):
        predictions(Opaque("DataFrame", "..."))


def test_a_guess_of_one_word_earns_nothing() -> None:
    measured = {(n, level): Cell(level == LEVELS[0] or n == "G2") for n in NAMES for level in LEVELS}
    history = Grid(dict.fromkeys(measured, "prevented"), measured)
    found = outcomes("predict_anomalies", history)
    assert found == {
        "complete": "PASS",
        "read_committed": "FAIL",
        "repeatable_read": "FAIL",
        "serializable": "SKIP",
    }


def retried(name: str) -> Outcome:
    """What a sound answer does."""
    plan = SCENARIOS[name]
    tries = plan.index("ok") + 1 if plan[0] in ("40001", "40P01", "commit", "ok") and "ok" in plan else 1
    if plan[-1] == "40001":
        return Outcome(name, 4, error="OperationalError", sqlstate="40001", waits=[0.1, 0.2, 0.3])
    if plan[0] == "bug":
        return Outcome(name, 1, error="LookupError")
    if plan[0] not in ("40001", "40P01", "commit", "ok"):
        return Outcome(name, 1, error="DBAPIError", sqlstate=plan[0])
    return Outcome(name, tries, f"result of attempt {tries}", rows=[tries])


def test_retries_of_a_sound_answer_pass() -> None:
    again = [Outcome("again", 4, sqlstate="40001", waits=[i / 10, 0.2, 0.4]) for i in range(6)]
    found = outcomes("run_transaction", Retries({name: retried(name) for name in SCENARIOS}, again))
    assert set(found.values()) == {"PASS"}


def test_waits_without_jitter_fail() -> None:
    again = [Outcome("again", 4, sqlstate="40001", waits=[0.1, 0.2, 0.4]) for _ in range(6)]
    found = outcomes("run_transaction", Retries({name: retried(name) for name in SCENARIOS}, again))
    assert [name for name, outcome in found.items() if outcome != "PASS"] == ["waits_with_jitter"]


@pytest.mark.parametrize(
    ("value", "pid"),
    [(7, 7), ((7,), 7), ([[7]], 7), ({"pid": 7}, 7), (None, None), ([], None), ([7, 8], None), (True, None)],
)
def test_a_process_id_is_read_in_any_shape(value: Any, pid: int | None) -> None:
    assert named(value) == pid


def nights(state: list[int], crash: list[int]) -> Nights:
    return Nights(
        JobAlone("first", OK, 1, True),
        JobAlone("again", OK, 0, True),
        JobAlone("broken", Reply(error=Error("builtin", "RuntimeError")), 1, False),
        JobAlone("after", OK, 1, True),
        [Scene("two nodes", [run("1 2 1 2", state, OK, OK)])],
        Scene("a node that dies", [run("1 1!", crash, OK)]),
    )


def test_a_job_that_ran_again_after_a_crash_is_right() -> None:
    assert set(outcomes("nightly_job", nights([1, 1], [2, 1])).values()) == {"PASS"}


def test_a_job_that_ran_twice_or_never_fails() -> None:
    assert outcomes("nightly_job", nights([2, 1], [1, 1]))["once_under_all_schedules"] == "FAIL"
    assert outcomes("nightly_job", nights([1, 1], [0, 1]))["freed_if_the_node_dies"] == "FAIL"
