"""Only answers are taken from a submission."""

from grader.classroom.rebuild import rebuild, unreadable, why_unreadable


def cell(grade_id, source, **flags):
    plain = {"grade": False, "solution": False, "locked": False}
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {"nbgrader": {"grade_id": grade_id, **plain, **flags}},
        "outputs": [],
    }


RELEASE = {
    "cells": [
        cell("context", ["import math\n", "x = 1"], locked=True),
        cell("area", "raise NotImplementedError()", solution=True),
        cell("q", "%%sql q\n-- YOUR ANSWER HERE", solution=True),
        cell("check-area", 'lab.check("area")', grade=True, locked=True),
    ],
    "metadata": {},
    "nbformat": 4,
}


def sources(notebook):
    return [c["source"] for c in notebook["cells"]]


def test_answers_go_into_the_release_and_nothing_else_does():
    submitted = {
        "cells": [
            cell("check-area", "100.0", grade=True),
            cell("area", ["def area():\n", "    return 1"], solution=True),
            cell("context", "import os", locked=True),
            cell("q", "%%sql q\nSELECT 1", schema_version=999),
            {"source": "no metadata"},
            17,
        ]
    }
    assert sources(rebuild(RELEASE, submitted)) == [
        "import math\nx = 1",
        "def area():\n    return 1",
        "%%sql q\nSELECT 1",
        'lab.check("area")',
    ]


def test_the_release_is_left_as_it_was():
    before = repr(RELEASE)
    rebuild(RELEASE, {"cells": [cell("area", "x")]})
    assert repr(RELEASE) == before


def test_a_missing_answer_is_said_in_the_cell():
    _, area, q, _ = sources(rebuild(RELEASE, {"cells": []}))
    assert area.startswith("# This answer was missing") and area.endswith("raise NotImplementedError()")
    assert q.startswith("%%sql q\n-- This answer was missing")


def test_an_unreadable_submission_keeps_the_reason():
    assert why_unreadable(unreadable(RELEASE, "Truncated.")) == "Truncated."
    assert why_unreadable(rebuild(RELEASE, {"cells": []})) == ""


ESSAY = {
    "cell_type": "markdown",
    "source": "Your words here: is 1 < 2?",
    "metadata": {"nbgrader": {"grade_id": "essay", "grade": True, "solution": True, "locked": False}},
}


def essay(text):
    (cell,) = rebuild({"cells": [ESSAY]}, {"cells": [{**ESSAY, "source": text}]})["cells"]
    return cell["source"]


def test_text_a_person_marks_is_the_learners():
    assert essay("An index is a *copy*, sorted; 1 < 2.") == "An index is a *copy*, sorted; 1 < 2."
    assert essay(ESSAY["source"]) == ESSAY["source"]


def test_text_a_person_marks_brings_no_tags():
    assert essay("<script>x</script><!-- y") == "&lt;script>x&lt;/script>&lt;!-- y"


def test_missing_text_is_said_in_markdown():
    (cell,) = rebuild({"cells": [ESSAY]}, {"cells": []})["cells"]
    assert cell["source"].startswith("*This answer was missing") and cell["source"].endswith(ESSAY["source"])
