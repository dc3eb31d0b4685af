"""Two parts of a check side by side."""

from __future__ import annotations

import threading

import pytest

from grader.checks.together import together


def test_both_results_in_their_order():
    met = threading.Barrier(2, timeout=10)
    assert together(lambda: (met.wait(), "a")[1], lambda: (met.wait(), "b")[1]) == ("a", "b")


def test_the_first_ones_error_wins_and_both_are_done_by_then():
    done = []

    def fails(words):
        done.append(words)
        raise ValueError(words)

    with pytest.raises(ValueError, match="first"):
        together(lambda: fails("first"), lambda: fails("second"))
    assert sorted(done) == ["first", "second"]
    with pytest.raises(ValueError, match="second"):
        together(lambda: 1, lambda: fails("second"))
