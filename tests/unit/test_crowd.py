"""Calls on a virtual clock: who goes when, who waits how long, and the same story at every run."""

from __future__ import annotations

from grader.instruments.clock import VirtualClock
from grader.instruments.crowd import Crowd


def test_calls_sleep_beside_each_other_and_wake_in_order_of_time():
    crowd, told = Crowd(VirtualClock()), []

    def work(name, seconds):
        told.append((name, crowd.now))
        crowd.sleep(seconds)
        told.append((name, crowd.now))
        return name

    visits = crowd.play(
        [(0.0, lambda: work("a", 3)), (1.0, lambda: work("b", 0.5)), (1.0, lambda: work("c", 2))]
    )
    assert told == [("a", 0), ("b", 1), ("c", 1), ("b", 1.5), ("a", 3), ("c", 3)]
    assert [v.value for v in visits] == ["a", "b", "c"]
    assert [v.took for v in visits] == [3, 0.5, 2]


def test_an_error_is_its_caller_s_own():
    crowd = Crowd(VirtualClock())
    bad, good = crowd.play([(0.0, lambda: 1 / 0), (0.0, lambda: 7)])
    assert isinstance(bad.error, ZeroDivisionError)
    assert (good.value, good.error) == (7, None)


def test_outside_a_play_a_sleep_moves_the_clock():
    clock = VirtualClock()
    crowd = Crowd(clock)
    crowd.sleep(5)
    assert clock.monotonic() == 5
    assert crowd.play([(1.0, lambda: crowd.now)])[0].value == 1
