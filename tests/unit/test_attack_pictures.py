"""Pictures of tokens, guards and messages: well-formed, and told in words as well; what they stand on."""

from __future__ import annotations

import random
from xml.etree import ElementTree

import pytest

from grader.instruments.twister import clone
from grader.notebook.guards import draw_admissions, try_all
from grader.notebook.sign_in import sequence_steps
from grader.notebook.stepping import frame
from grader.notebook.tokens import draw_hash, draw_token
from grader.show.sequence import sequence_svg, sequence_text

TALK = {
    "lanes": ["phone", "shop", "provider"],
    "steps": [
        {"lane": "phone", "to": "shop", "text": "GET /login", "result": "with <a cookie>"},
        {"lane": "provider", "text": "Ada agrees"},
        {"lane": "provider", "to": "phone", "text": "no", "state": "error"},
    ],
    "conclusion": "Ada is out",
}


def test_what_ought_not_to_get_in_is_told_without_colour():
    def open_door(shown: str) -> bool:
        return True

    def careful(shown: str) -> bool:
        if shown != "ours":
            raise ValueError(shown)
        return True

    tried = try_all({"ours": "ours", "<forged>": "theirs"}, {"open": open_door, "careful": careful})
    assert tried["<forged>"] == {"open": True, "careful": False}
    picture = draw_admissions(tried, {"ours"})
    ElementTree.fromstring(picture.svg)
    assert picture.svg.count("✗ gets in") == 1
    assert picture.text.splitlines()[2].split() == ["<forged>", "GETS", "IN", "refused"]


def test_a_misspelling_is_no_refusal():
    with pytest.raises(NameError):
        try_all({"ours": 1}, {"misspelt": lambda shown: no_such_name})  # noqa: F821


def test_messages_are_drawn_between_lanes_and_told_one_a_line():
    ElementTree.fromstring(sequence_svg(TALK))
    assert "phone -> shop          GET /login" in sequence_text(TALK)
    assert "ERROR: no" in sequence_text(TALK)
    assert "&lt;a cookie&gt;" in sequence_svg(TALK)


def test_a_sequence_can_be_stepped_through_and_has_a_static_twin():
    steps = sequence_steps(TALK)
    assert repr(steps) == sequence_text(TALK)
    assert "<img" in steps._repr_html_()
    assert steps.drawn(frame(TALK, 1)).count("GET /login") > 0
    slider, picture = steps._widget().children[0].children[1], steps._widget().children[1]
    assert slider.max == len(TALK["steps"])
    assert "GET /login" in picture.value


def test_a_token_and_a_hash_are_taken_apart():
    token = draw_token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln", "A token")
    ElementTree.fromstring(token.svg)
    assert "sub: 'ada'" in token.text
    assert "c2ln" not in token.text
    stored = draw_hash("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA")
    assert "65,536 KiB of memory, 3 passes over it, 4 lanes" in stored.text
    assert "16 random bytes" in stored.text


@pytest.mark.parametrize("bits", [32, 64, 128])
def test_the_twister_is_cloned_from_its_output(bits):
    original = random.Random(20)
    seen = [original.getrandbits(bits) for _ in range(700 * 32 // bits)]
    twin = clone(seen, bits)
    assert [twin.getrandbits(128) for _ in range(300)] == [original.getrandbits(128) for _ in range(300)]


def test_too_little_output_does_not_give_the_twister_away():
    with pytest.raises(ValueError, match="624"):
        clone([1, 2, 3])
