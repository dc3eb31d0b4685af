"""A rule that meets a value it cannot read: a verdict in a class, an exception where rules are tested."""

import pytest

from grader.checks.exercise import UNREADABLE, LabChecks, fail
from grader.verdict import Outcome

lab = LabChecks("99-odd")


@lab.exercise("largest", points=1, hints=("?", "?", "?"))
def largest(answer, bench):
    raise AssertionError("never driven here")


@largest.property()
def is_nine(history):
    """The largest is nine."""
    return max(history) == 9 or fail("9", "something else")


@largest.property(needs=["is_nine"])
def is_short(history):
    """There are few."""
    return len(history) < 5 or fail("fewer than five", f"{len(history)}")


@pytest.mark.parametrize("history", [None, 7, [1, "two"], [], [1j, 2j]])
def test_an_odd_value_fails_the_answer_that_gave_it(history):
    first, second = largest.judge(history, lenient=True)
    assert first.outcome is Outcome.FAIL and UNREADABLE in first.happened
    assert second.outcome is Outcome.SKIP


@pytest.mark.parametrize("history", [None, [1, "two"], []])
def test_where_rules_are_tested_it_is_loud(history):
    with pytest.raises((TypeError, ValueError)):
        largest.judge(history)


def test_a_rule_that_says_only_no_is_always_our_bug():
    broken = LabChecks("99-odd").exercise("x", points=1, hints=("?", "?", "?"))(lambda answer, bench: None)

    def says_no(history):
        """It says no."""
        return False

    broken.property()(says_no)
    with pytest.raises(TypeError, match="returned False"):
        broken.judge(1, lenient=True)
