"""Telling untouched, unusable and real answers apart without running them."""

import pytest

from grader.checks.exercise import NotAnswered, Rejected
from grader.judge.source import bound_names, is_blank_sql, is_stub, parse, sql_text

STUB = 'def f(x):\n    """Says what it does."""\n    raise NotImplementedError'


@pytest.mark.parametrize(
    "source",
    [
        STUB,
        STUB + '("fill me in")',
        STUB + "\n\n# my notes\n",
        "async def f(x):\n    raise NotImplementedError()",
        "# YOUR CODE HERE\nraise NotImplementedError()",
        "import json\n" + STUB,
        "f = None",
        "f = ...",
        "# only a comment",
        "def f(x):\n    ...",
        "def f(x):\n    pass",
    ],
)
def test_an_untouched_stub_is_recognised(source):
    assert is_stub(parse(source), ("f",))


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    return x",
        "f = 3",
        "f = lambda x: x",
        "def f(x):\n    if x: raise NotImplementedError\n    return 1",
        "import helper\nf = helper.f",
    ],
)
def test_an_attempt_is_not_a_stub(source):
    assert not is_stub(parse(source), ("f",))


def test_one_answered_function_of_two_is_an_attempt():
    assert not is_stub(parse(STUB + "\n\ndef g(x):\n    return 1"), ("f", "g"))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1\nc: int = 2\n(d, *e) = 1, 2", {"a", "b", "c", "d", "e"}),
        ("import os.path\nfrom x import y as z", {"os", "z"}),
        ("if True:\n    def f(): inner = 1\nelse:\n    class G: x = 1", {"f", "G"}),
        ("with open('x') as f:\n    g = (h := 1)", {"f", "g", "h"}),
    ],
)
def test_bound_names(source, names):
    assert bound_names(parse(source)) == names


def test_a_syntax_error_names_its_line():
    with pytest.raises(Rejected, match="Line 2"):
        parse("x = 1\ndef f(:\n")


@pytest.mark.parametrize("source", ["x = " + "(" * 5000, "x = " + "-" * 200_000 + "1"])
def test_pathological_source_is_rejected_not_fatal(source):
    with pytest.raises(Rejected):
        parse(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("%%sql idx\nCREATE INDEX i ON t (a);", "CREATE INDEX i ON t (a);"),
        ("\n%%sql idx\n-- nothing yet\n", "-- nothing yet\n"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a)"),
        ('idx = "CREATE INDEX"', "CREATE INDEX"),
        ('idx: str = """\nSELECT 1\n"""', "\nSELECT 1\n"),
        ("idx = None", ""),
        ('idx = "a" + "b"', None),
        ("SELECT a = b FROM t", "SELECT a = b FROM t"),
    ],
)
def test_sql_answers_in_every_form(source, text):
    assert sql_text(source, "idx") == text


@pytest.mark.parametrize("text", ["", " ; ", "-- YOUR SQL HERE", "/* a\n b */ -- c"])
def test_blank_sql(text):
    assert is_blank_sql(text)


def test_sql_is_not_blank():
    assert not is_blank_sql("-- note\nSELECT 1")
    assert NotAnswered is not Rejected
