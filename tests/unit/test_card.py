"""The card: complete in words, safe with anything a learner controls, made of what sanitizers let through."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.show import card_html, card_text
from grader.verdict import Evidence, Finding, Outcome, Status, Verdict

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\" ' & </details></div>"
PLAN = json.loads((Path(__file__).parent / "plans" / "sort_above_scan.json").read_text())
TIMELINE = {
    "lanes": ["T1", "T2"],
    "steps": [{"lane": "T1", "text": "BEGIN"}],
    "broken_at": 0,
    "conclusion": "lost",
}
# What JupyterLab's sanitizer keeps, of the tags and attributes a card could want.
TAGS = {"div", "span", "pre", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "img", "a"}
ATTRIBUTES = {"style", "src", "alt", "href", "target", "rel"}


class Reader(HTMLParser):
    """Checks nesting, tags and attributes; gathers the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.images: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        for name, value in attrs:
            if name == "src":
                assert value.startswith("data:image/svg+xml;base64,")
                self.images.append(base64.b64decode(value.partition(",")[2]).decode())
            if name == "href":
                assert value.startswith("https://")
            assert not re.search(r"url\(|expression|javascript:", value or "")
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def verdict(*findings: Finding, **more) -> Verdict:
    return Verdict("04-transactions", "transfer", Status.JUDGED, 6, findings, **more)


FAILED = Finding(
    "no_lost_update",
    "Money is conserved under every interleaving.",
    Outcome.FAIL,
    expected="a total of 100",
    happened="a total of 90",
    misconception="Reading, then writing what was read, loses the other write.",
    evidence=(
        Evidence("timeline", "The shortest bad schedule", TIMELINE),
        Evidence("plan", "The plan", PLAN),
        Evidence("table", "Balances", {"columns": ["account", "balance"], "rows": [[1, 90], [2, None]]}),
        Evidence("counts", "Schedules", {"held": 14, "broke": 6}),
        Evidence("text", "Log", "\n".join(f"line {i}" for i in range(40))),
    ),
    read="04-transactions#lost-updates",
)


@pytest.mark.parametrize("show", [card_text, lambda v: Reader(card_html(v)).text], ids=["text", "html"])
def test_a_failure_says_all_it_must(show):
    card = show(verdict(FAILED, coverage="20 of 20 schedules", output="printed"))
    for part in (
        "transfer",
        "04-transactions",
        "✗ NOT YET: 0 of 6 points",
        "20 of 20 schedules",
        "FAIL",
        "Money is conserved under every interleaving.",
        "a total of 100",
        "a total of 90",
        "loses the other write",
        "The shortest bad schedule",
        "BROKEN HERE",
        "Seq Scan on orders",
        "NULL",
        "14",
        "line 39",
        "lesson 04-transactions, “lost updates”",
        "printed",
    ):
        assert part in card, part


@pytest.mark.parametrize(
    ("outcomes", "headline"),
    [
        ((Outcome.PASS, Outcome.PASS), "✓ PASSED: 6 of 6 points"),
        ((Outcome.PASS, Outcome.FAIL), "✗ NOT YET: 3 of 6 points"),
        ((Outcome.PASS, Outcome.UNKNOWN), "? NOT SHOWN YET: 3 of 6 points"),
        ((Outcome.FAIL, Outcome.SKIP), "✗ NOT YET: 0 of 6 points"),
    ],
)
def test_the_headline_and_each_outcome_are_words(outcomes, headline):
    card = verdict(*(Finding(f"p{i}", f"Claim {i}.", o, happened="why") for i, o in enumerate(outcomes)))
    for shown in (card_text(card), Reader(card_html(card)).text):
        assert headline in shown
        for outcome in outcomes:
            assert str(outcome) in shown


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.NOT_ANSWERED, "not answered yet"),
        (Status.REJECTED, "cannot be judged as it stands"),
        (Status.INFRA, "no mark against your answer"),
    ],
)
def test_a_status_without_judgement_is_one_sentence(status, words):
    bare = Verdict("04-transactions", "transfer", status, 6)
    told = Verdict("04-transactions", "transfer", status, 6, message="Line 3 does not parse.")
    for show in (card_text, lambda v: Reader(card_html(v)).text):
        assert words in show(bare)
        assert "Line 3 does not parse." in show(told)
        assert "points" not in show(bare)


def test_nothing_a_learner_controls_becomes_markup():
    exhibits = (
        Evidence("table", HOSTILE, {"columns": [HOSTILE], "rows": [[HOSTILE]]}),
        Evidence("counts", HOSTILE, {HOSTILE: 1}),
        Evidence("text", HOSTILE, HOSTILE),
        Evidence("timeline", HOSTILE, {"lanes": [HOSTILE], "steps": [{"lane": HOSTILE, "text": HOSTILE}]}),
        Evidence("plan", HOSTILE, {"Plan": {"Node Type": HOSTILE, "Filter": HOSTILE}}),
        Evidence(HOSTILE, HOSTILE, {"odd": HOSTILE}),
    )
    finding = Finding(HOSTILE, HOSTILE, Outcome.FAIL, 1, HOSTILE, HOSTILE, HOSTILE, exhibits, HOSTILE)
    hostile = Verdict(
        HOSTILE, HOSTILE, Status.JUDGED, 1, (finding,), HOSTILE, HOSTILE, HOSTILE, notes={"n": HOSTILE}
    )
    html = card_html(hostile)
    read = Reader(html)
    assert "<script" not in html
    assert read.images and not any("<script" in image or "<img" in image for image in read.images)


@pytest.mark.parametrize("kind", ["table", "counts", "plan", "timeline", "text", "new"])
@pytest.mark.parametrize("data", [None, 3, "text", [], {}, {"rows": 1}, {"steps": "x"}, [[1]]])
def test_evidence_of_an_unexpected_shape_is_shown_not_raised_on(kind, data):
    odd = verdict(Finding("p", "Claim.", Outcome.FAIL, evidence=(Evidence(kind, "Exhibit", data),)))
    assert "Exhibit" in card_text(odd)
    assert "Exhibit" in Reader(card_html(odd)).text


@settings(max_examples=40)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_gives_well_formed_html(one, other):
    finding = Finding("p", one, Outcome.FAIL, 1, other, one, other, (Evidence("text", one, other),), one)
    Reader(card_html(verdict(finding, output=other)))
    card_text(verdict(finding, output=other)).encode()


def test_a_very_long_timeline_is_folded_away():
    steps = [{"lane": "T1", "text": f"SELECT {i}"} for i in range(80)]
    long = Evidence("timeline", "All of it", {"lanes": ["T1"], "steps": steps})
    assert "All of it (long: open to see it)" in card_html(
        verdict(Finding("p", "C.", Outcome.FAIL, evidence=(long,)))
    )
    assert "(long" not in card_html(verdict(FAILED))


def test_the_text_card_keeps_its_width():
    assert max(map(len, card_text(verdict(FAILED), width=92).splitlines())) <= 94
