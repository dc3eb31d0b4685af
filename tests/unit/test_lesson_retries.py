"""Retries simulated, deliveries enumerated, and the pictures that tell of them."""

from __future__ import annotations

from math import factorial
from xml.etree import ElementTree

import pytest

from grader.instruments.storm import Trying, at_once, exponential, full_jitter, herd, storm
from grader.notebook.deliveries import orders
from grader.notebook.weather import Weather
from grader.show.crashes import CrashLane, crashes_svg, crashes_text, short
from grader.show.exchanges import Unanswered, exchanges_svg, exchanges_text
from grader.show.storms import herd_picture, storm_picture

JITTER = full_jitter(0.5, 10)


def test_a_herd_that_backs_off_alike_sends_as_much_as_one_that_does_not():
    alike, eager = herd(exponential(0.1, 5)), herd(at_once)
    apart = herd(full_jitter(0.1, 5))
    assert alike.calls == eager.calls == sum(range(10, 201, 10))
    assert apart.calls < alike.calls / 2
    assert apart.seconds < alike.seconds / 10
    assert sum(alike.taken) == sum(apart.taken) == 200


def test_a_herd_is_the_same_for_the_same_seed():
    assert herd(full_jitter(0.1, 5)) == herd(full_jitter(0.1, 5))
    assert herd(full_jitter(0.1, 5)) != herd(full_jitter(0.1, 5), seed=11)


def test_retries_keep_down_what_would_recover_and_a_budget_lets_it():
    end = {
        name: storm(trying).over(50, 60)
        for name, trying in {
            "none": Trying(),
            "retries": Trying(3, JITTER),
            "budget": Trying(3, JITTER, 0.1),
        }.items()
    }
    assert end["none"][0] == end["none"][1] > 60
    assert end["retries"] == (pytest.approx(3 * end["none"][0], rel=0.05), 0)
    assert end["budget"] == end["none"]


def test_without_trouble_nobody_retries():
    calm = storm(Trying(3, JITTER), trouble=(0, 0))
    assert calm.sent == storm(Trying(), trouble=(0, 0)).sent
    assert sum(calm.sent) - sum(calm.answered) <= 2  # those under way at the end


def test_a_budget_bounds_the_retries():
    def total(trying: Trying) -> int:
        return sum(storm(trying, trouble=(0, 60)).sent)

    first = total(Trying())
    assert total(Trying(5, at_once, 0.1)) <= first * 1.1 + 10 + 1
    assert total(Trying(5, at_once)) > 3 * first


@pytest.mark.parametrize("counts", [[2, 2], [2, 2, 2], [1, 1, 1, 1], [3, 0, 2]])
def test_orders_are_each_there_once(counts):
    found = list(orders(counts))
    wanted = factorial(sum(counts))
    for count in counts:
        wanted //= factorial(count)
    assert len(found) == len(set(found)) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("INSERT INTO orders (id) VALUES (7)", "INSERT orders"),
        ("UPDATE outbox SET sent = true", "UPDATE outbox"),
        ("SELECT id, value FROM outbox WHERE NOT sent", "SELECT outbox"),
        ("COMMIT", "COMMIT"),
        ("publish orders 3: {'order_id': 7}", "publish"),
        ("", ""),
    ],
)
def test_a_step_in_two_words(text, words):
    assert short(text) == words


LANES = {
    "commit <first>": CrashLane(
        ("INSERT INTO orders", "COMMIT", "publish"), ("-", "-", "lost", "told"), "told"
    )
}


def test_lanes_tell_in_words_what_they_draw():
    drawn = crashes_svg(LANES, good={"-", "told"})
    ElementTree.fromstring(drawn)
    assert drawn.count("<circle") == 4
    assert "commit &lt;first&gt;" in drawn
    told = crashes_text(LANES, good={"-", "told"})
    assert "dies after COMMIT         ✗ lost" in told
    assert "≈ lost" in crashes_text(LANES, good={"-", "told"}, doubt={"lost"})


def test_the_outcomes_of_a_timeout_are_read_off_the_effect():
    outcomes = [Unanswered("lost", "Timeout", 0, 0), Unanswered("late", "Timeout", 0, 1)]
    drawn = exchanges_svg(outcomes, "you", "bank", "charge")
    ElementTree.fromstring(drawn)
    assert drawn.count(">charge<") == 1
    assert "0, later 1" in drawn
    assert "in the end: 1" in exchanges_text(outcomes)


def test_the_plots_say_their_figures():
    assert "30 calls until all are served, after 0.2 seconds" in repr(
        herd_picture({"a": [20, 10], "b": [10]}, 0.1, 10)
    )
    found = storm(Trying(), seconds=3)
    picture = storm_picture({"none": (found.sent, found.answered)}, (1, 2))
    ElementTree.fromstring(picture.drawn)
    assert f"{found.sent[-1]} sent" in repr(picture)


@pytest.mark.parametrize(("load", "back"), [(30, "back after"), (35, "not back within a minute")])
def test_three_attempts_are_harmless_below_a_third_of_the_capacity(load, back):
    assert back in repr(Weather(load, 3))


def test_the_sliders_leave_a_still_picture_where_nothing_moves():
    shown = Weather(30, 2)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["text/html"].startswith("<img")
    assert "30 a second, 2 attempts" in shown["text/plain"]
