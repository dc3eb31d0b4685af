"""More scenes of `record_view`: a recorder that others overtake, and one that is killed, at each step of its call."""

from __future__ import annotations

from typing import Any

from grader.checks.caching.write_behind import PAUSE, Overtaken, Staff, Views, rows_of

MOST_STEPS = 8  # of one record_view
NEWCOMER = 20_001  # a product nobody has seen before


def overtake(staff: Staff, some: Views) -> list[Overtaken]:
    """One process is stopped at each step of a record_view, while another one records, flushes, and records again.

    All these views are by one customer, so that nobody can say who came last.
    """
    found: list[Overtaken] = []
    place, product = staff.place, some[0][0]
    view = (product, 66_666)
    place.clock.sleeping = "hold"  # as in `disturb`
    try:
        for number in range(MOST_STEPS):
            pending, step = _stop(staff, view, number)
            if step is None:
                break
            trouble = staff.turn(staff.start_record([view], "second"))
            place.journal.note("caller", f"another process has recorded a view of product {product}")
            trouble = trouble or staff.turn(staff.start_flush())
            trouble = trouble or staff.turn(staff.start_record([view], "second"))
            place.journal.note("caller", f"another view of product {product} is recorded")
            place.journal.let_go()
            trouble = staff.turn(pending) or trouble or staff.turn(staff.start_flush())
            wanted = rows_of([*some, view, view, view])
            found.append(
                Overtaken(step.text, False, [wanted], staff.rows(), trouble, place.journal.timeline())
            )
    finally:
        place.journal.let_go()
        place.clock.sleeping = "advance"
    return found


def bury(staff: Staff, some: Views) -> list[Overtaken]:
    """A process is killed between two steps of its record_view; two minutes later others record and flush."""
    found: list[Overtaken] = []
    place = staff.place
    doomed, late = (NEWCOMER, 88_888), (some[0][0], 77_777)
    for number in range(1, MOST_STEPS):
        _, step = _stop(staff, doomed, number)
        if step is None:
            break
        staff.kill("recorder")
        step.cut("before")
        place.journal.let_go()
        place.journal.note("caller", f"dies; it was recording a view of product {NEWCOMER}", state="crash")
        place.clock.advance(PAUSE)
        trouble = staff.turn(staff.start_record([late], "second"))
        for _ in range(2):
            trouble = trouble or staff.turn(staff.start_flush())
        wanted = [rows_of([*some, late]), rows_of([*some, doomed, late])]
        found.append(Overtaken(step.text, True, wanted, staff.rows(), trouble, place.journal.timeline()))
        if trouble:
            break
    return found


def _stop(staff: Staff, view: tuple[int, int], number: int) -> tuple[Any, Any]:
    """A record_view under way that is held before its step `number`, and this step; None if there is no such step."""
    journal = staff.place.journal
    staff.gather()
    journal.clear()
    journal.hold(lambda step: step.number == number)
    pending = staff.start_record([view], "recorder")
    journal.wait(lambda: bool(journal.held()) or pending.done())
    return pending, next(iter(journal.held()), None)
