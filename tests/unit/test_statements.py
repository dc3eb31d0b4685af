"""Splitting SQL cells and saying what is wrong with a statement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.instruments.statements import split, without_comments


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';'; select \";\"", ["select ';'", 'select ";"']),
        ("select 'it''s;'; x", ["select 'it''s;'", "x"]),
        (r"select E'\';'; x", [r"select E'\';'", "x"]),
        ("do $$ begin; end $$; x", ["do $$ begin; end $$", "x"]),
        ("do $a$ $$;$$ ; $a$; x", ["do $a$ $$;$$ ; $a$", "x"]),
        ("select 1 -- a; b\n; x", ["select 1 -- a; b", "x"]),
        ("/* a; /* b; */ c; */ select 1; x", ["/* a; /* b; */ c; */ select 1", "x"]),
        ("-- only a comment;\n ;; /* ; */", []),
        ("", []),
        ("select price'x;y'", ["select price'x;y'"]),
        ("select 'open; select 1", ["select 'open", "select 1"]),
    ],
)
def test_split(sql, texts):
    assert [s.text for s in split(sql)] == texts


@given(st.text(alphabet="a;'\"$-*/\n E\\", max_size=40))
def test_every_statement_stands_where_it_says(sql):
    for statement in split(sql):
        assert sql[statement.offset :].startswith(statement.text)


def test_comments_are_left_out_but_not_inside_strings():
    assert without_comments("select '--x' -- y\n/* z */ + 1").split() == ["select", "'--x'", "+", "1"]
