"""The drawings of lesson 04, from hand-written data: well-formed, and nothing told by colour alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from grader.show.anomaly_grid import anomaly_grid_svg, anomaly_grid_text
from grader.show.curves import curves_svg, curves_text
from grader.show.lock_queue import depths, lock_queue_svg, lock_queue_text
from grader.show.row_versions import row_versions_svg, row_versions_text

SVG = "{http://www.w3.org/2000/svg}"

GRID = {
    "P4": {"READ COMMITTED": "allowed", "SERIALIZABLE": "prevented"},
    "G2": {"READ COMMITTED": "allowed", "SERIALIZABLE": "prevented"},
}
TITLES = {"P4": "lost update", "G2": "anti-dependency cycle"}


def words(svg: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text")]


def session(name, waits_for=(), wants="", statement="SELECT 1"):
    return {
        "name": name,
        "state": "active",
        "statement": statement,
        "waits_for": list(waits_for),
        "wants": wants,
    }


QUEUE = [
    session("A", statement="SELECT count(*) FROM stock WHERE product <> '<b>'"),
    session("M", ["A"], "ACCESS EXCLUSIVE on stock"),
    session("B", ["M"], "ACCESS SHARE on stock"),
]


def version(place, values, maker, made, ender="", ended="", following=""):
    return {
        "place": place,
        "values": values,
        "maker": maker,
        "made": made,
        "ender": ender,
        "ended": ended,
        "next": following,
    }


VERSIONS = [
    version("0,1", "balance = 100", "the set-up", "committed", "A", "committed", "0,2"),
    version("0,2", "balance = 70", "A", "committed", "D", "aborted", "0,3"),
    version("0,3", "balance = 5", "D", "aborted"),
]


def test_the_grid_says_in_words_what_happens_where():
    drawn = words(anomaly_grid_svg(GRID, TITLES, {"P4": "One write disappears."}, "Measured."))
    assert drawn.count("✗ happens") == drawn.count("✓ prevented") == 2
    assert {"Read Committed", "lost update", "One write disappears.", "Measured."} <= set(drawn)
    assert anomaly_grid_text(GRID, TITLES).splitlines()[1].split() == [
        "P4", "lost", "update", "happens", "prevented",
    ]  # fmt: skip


def test_versions_say_who_made_and_ended_them_and_who_reads_them():
    readers = {"B": "0,2", "C": "0,1", "E": "0,1"}
    drawn = words(row_versions_svg(VERSIONS, readers))
    assert "xmin  the set-up, committed ✓" in drawn
    assert "xmax  D, aborted ✗" in drawn
    assert [w for w in drawn if "version" in w or "snapshots" in w or "never" in w] == [
        "old: for older snapshots only",
        "the current version",
        "never existed for anybody",
    ]
    assert "read by C and E" in row_versions_text(VERSIONS, readers)


def test_the_queue_stands_behind_its_root():
    assert depths(QUEUE) == {"A": 0, "M": 1, "B": 2}
    drawn = words(lock_queue_svg(QUEUE))
    assert "the root of the queue" in drawn
    assert "wants ACCESS EXCLUSIVE on stock" in drawn
    assert lock_queue_text(QUEUE).splitlines()[1].startswith("M: waits for A, wants ACCESS EXCLUSIVE")


def test_a_circle_of_waiters_is_drawn_and_ends():
    circle = [session("A", ["B"], "SHARE on x"), session("B", ["A"], "SHARE on x")]
    assert depths(circle) == {"A": 1, "B": 1}
    assert "the root of the queue" not in words(lock_queue_svg(circle))


def test_nobody_waiting_is_an_empty_picture():
    assert words(lock_queue_svg([])) == ["waits for nobody"]


def test_curves_are_named_at_their_end():
    curves = {"alone": [(0, 1), (10, 1)], "held": [(0, 1), (10, 5)]}
    assert {"alone: 1", "held: 5", "pages", "updates"} <= set(words(curves_svg(curves, "updates", "pages")))
    assert curves_text(curves, "updates", "pages").splitlines()[-1].split() == ["10", "1", "5"]
