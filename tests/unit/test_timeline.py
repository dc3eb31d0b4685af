"""Timelines in both notations, from hand-written histories."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.instruments.steps import Journal
from grader.show import timeline_svg, timeline_text

SVG = "{http://www.w3.org/2000/svg}"

LOST_UPDATE = {
    "lanes": ["T1", "T2"],
    "steps": [
        {"lane": "T1", "text": "SELECT balance FROM accounts WHERE id = 1", "read": "balance = 100"},
        {"lane": "T1", "text": "UPDATE accounts SET balance = 90 WHERE id = 1", "result": "1 row"},
        {
            "lane": "T2",
            "text": "UPDATE accounts SET balance = 80 WHERE id = 1",
            "state": "waits",
            "waits_for": "T1",
        },
        {"lane": "T1", "text": "COMMIT"},
        {"lane": "T2", "text": "UPDATE goes on", "result": "1 row"},
        {"lane": "T2", "text": "COMMIT"},
    ],
    "broken_at": 5,
    "conclusion": "Balance is 80, must be 70",
    "schedule": "T1 T1 T2 T1 T2 T2",
}


def words(svg: str) -> str:
    return "\n".join(t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text"))


def test_the_columns_tell_who_did_what_when_and_who_waited():
    assert timeline_text(LOST_UPDATE, width=100).splitlines() == [
        "     T1                                             T2",
        "     " + "-" * 45 + "  " + "-" * 45,
        "  1  SELECT balance FROM accounts WHERE id = 1",
        "       -> reads balance = 100",
        "  2  UPDATE accounts SET balance = 90 WHERE id =",
        "       1",
        "       -> 1 row",
        "  3                                                 UPDATE accounts SET balance = 80 WHERE id =",
        "                                                      1",
        "                                                      -> waits for T1",
        "  4  COMMIT                                         |",
        "  5                                                 UPDATE goes on",
        "                                                      -> 1 row",
        "  6>                                                COMMIT",
        "                                                      <== BROKEN HERE",
        "",
        "Step 6 breaks it: Balance is 80, must be 70",
        "Schedule: T1 T1 T2 T1 T2 T2",
    ]


def test_the_picture_says_the_same():
    said = words(timeline_svg(LOST_UPDATE))
    for part in ("T1", "T2", "→ reads balance = 100", "waits for T1", "BROKEN HERE", "✗ Step 6 breaks it"):
        assert part in said


def test_a_long_statement_is_shortened_in_the_picture_and_whole_in_title_and_text():
    statement = "SELECT " + ", ".join(f"column_{i}" for i in range(60)) + " FROM t"
    data = {"lanes": ["T1"], "steps": [{"lane": "T1", "text": statement}]}
    svg = timeline_svg(data)
    assert "…" in words(svg) and "column_59" not in words(svg)
    assert any("column_59" in (t.text or "") for t in ET.fromstring(svg).iter(f"{SVG}title"))
    assert "column_59" in timeline_text(data)


def test_states_are_words():
    states = [{"lane": "app", "text": "x", "state": s} for s in ("crash", "lost", "error", "note")]
    data = {"lanes": ["app", "Postgres", "Redis", "provider", "caller"], "steps": states}
    for tag in ("CRASH", "LOST", "ERROR"):
        assert tag in words(timeline_svg(data)) and tag in timeline_text(data)


def test_more_than_three_lanes_are_listed_by_name():
    lanes = ["caller", "app", "Postgres", "Redis", "provider"]
    steps = [
        {"lane": "Postgres", "text": "COMMIT"},
        {"lane": "provider", "text": "charge 42", "state": "lost"},
    ]
    data = {"lanes": lanes, "steps": steps, "broken_at": 1, "conclusion": "charged twice"}
    assert timeline_text(data).splitlines() == [
        "  1  Postgres  COMMIT",
        "  2> provider  charge 42",
        "                 LOST",
        "                 <== BROKEN HERE",
        "",
        "Step 2 breaks it: charged twice",
    ]


def test_an_empty_timeline_and_an_unknown_lane_are_drawn_all_the_same():
    ET.fromstring(timeline_svg({"lanes": [], "steps": []}))
    assert "T9" in timeline_text({"lanes": ["T1"], "steps": [{"lane": "T9", "text": "BEGIN"}]})


def test_callers_are_named_where_there_is_more_than_one():
    steps = [{"lane": "Redis", "text": "GET k", "caller": c} for c in ("reader", "writer")]
    assert "reader: GET k" in timeline_text({"lanes": ["Redis"], "steps": steps})
    assert "reader" not in timeline_text({"lanes": ["Redis"], "steps": steps[:1]})


ANY = st.text(max_size=120)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"lane": st.sampled_from(["T1", "T2", "T3"]), "text": ANY},
        optional={
            "result": ANY,
            "state": st.sampled_from(["ok", "waits", "error", "crash", "lost", "note", "new"]),
            "waits_for": st.one_of(st.none(), ANY),
            "read": ANY,
        },
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(STEPS, ANY, st.one_of(st.none(), st.integers(0, 8)))
def test_whatever_the_texts_the_picture_is_xml_within_its_width(steps, conclusion, broken):
    data = {"lanes": ["T1", "T2"], "steps": steps, "conclusion": conclusion, "broken_at": broken}
    root = ET.fromstring(timeline_svg(data))
    width = float(root.get("width"))
    for node in root.iter(f"{SVG}rect"):
        assert float(node.get("x")) + float(node.get("width")) <= width
        assert float(node.get("height")) >= 0
    timeline_text(data)


def test_of_a_long_story_beginning_and_end_are_told():
    journal = Journal()
    for number in range(100):
        journal.note("process", f"line {number}")
    told = journal.timeline(conclusion="it never ends", most=3)
    texts = [step["text"] for step in told["steps"]]
    assert texts == ["line 0", "line 1", "line 2", "94 more like these", "line 97", "line 98", "line 99"]
    assert told["broken_at"] == 6 and len(journal.timeline(most=50)["steps"]) == 100
