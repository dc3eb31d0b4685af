"""The source format, the stubs and the leak scan, on texts."""

from pathlib import Path

import pytest

from grader.authoring.leaks import fragments, leaks
from grader.authoring.source import SourceError, read_source, regions, solution_text, stub_text

FUNCTION = '''def total(prices):
    """The sum."""
    ### BEGIN SOLUTION
    result = sum(prices)
    return result
    ### END SOLUTION'''


def cells(tmp_path: Path, text: str):
    path = tmp_path / "90-x.py"
    path.write_text(text)
    return read_source(path)


def test_roles_are_read_from_the_headings(tmp_path):
    text = '# %% [markdown]\n# # X\n\n# %% context\n\n# %% answer="total"\ntotal = 1\n\n# %% check="total"\n\n# %%\n1 + 1\n'
    assert [(c.role, c.exercise) for c in cells(tmp_path, text)] == [
        ("markdown", ""),
        ("context", ""),
        ("answer", "total"),
        ("check", "total"),
        ("code", ""),
    ]


def test_a_cell_magic_loses_the_comment_of_its_whole_body(tmp_path):
    (cell,) = cells(tmp_path, "# %%\n# %%sql recent\n# -- newest first\n# SELECT 1;\n#\n")
    assert cell.source == "%%sql recent\n-- newest first\nSELECT 1;"


def test_a_python_body_under_a_magic_keeps_its_comments(tmp_path):
    (cell,) = cells(tmp_path, "# %%\n# %%time\n# why\nx = 1\n")
    assert cell.source == "%%time\n# why\nx = 1"


def test_tags_are_kept_and_other_metadata_dropped(tmp_path):
    (cell,) = cells(tmp_path, '# %% tags=["raises-exception"] colour="red"\n1 / 0\n')
    assert cell.metadata == {"tags": ["raises-exception"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# %% contxt\n", "the only word that may stand there is `context`"),
        ('# %% answer="no good"\nx = 1\n', "must be a Python identifier"),
    ],
)
def test_a_wrong_heading_is_named(tmp_path, text, words):
    with pytest.raises(SourceError, match=words):
        cells(tmp_path, text)


def test_the_solution_is_the_cell_without_its_markers():
    assert solution_text(FUNCTION).endswith("    result = sum(prices)\n    return result")
    assert "SOLUTION" not in solution_text(FUNCTION)


def test_a_function_is_released_raising():
    assert stub_text(FUNCTION, "python", ("total",)).splitlines()[2:] == [
        "    # YOUR CODE HERE",
        "    raise NotImplementedError()",
    ]


def test_an_sql_cell_is_released_with_a_comment():
    source = "%%sql q\n-- hint\n-- BEGIN SOLUTION\nSELECT 1\n-- END SOLUTION"
    assert stub_text(source, "sql", ("q",)) == "%%sql q\n-- hint\n-- YOUR ANSWER HERE"


def test_a_value_is_released_unbound_unless_the_author_bound_it():
    plain = "### BEGIN SOLUTION\nv = 5\n### END SOLUTION"
    assert stub_text(plain, "value", ("v",)) == "# YOUR ANSWER HERE\nv = None"
    shaped = "v = {'rows': None}\n" + plain.replace("v = 5", "v['rows'] = 5")
    assert stub_text(shaped, "value", ("v",)) == "v = {'rows': None}\n# YOUR ANSWER HERE"


def test_sql_in_a_python_string_is_released_empty():
    source = "### BEGIN SOLUTION\nq = 'SELECT 1'\n### END SOLUTION"
    assert stub_text(source, "sql", ("q",)) == '# YOUR ANSWER HERE\nq = ""'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "no BEGIN SOLUTION"),
        ("### BEGIN SOLUTION\nx", "without END"),
        ("x\n### END SOLUTION", "without BEGIN"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\nx\n### END SOLUTION", "a second BEGIN"),
    ],
)
def test_markers_that_do_not_pair_up_are_refused(source, words):
    with pytest.raises(SourceError, match=words):
        stub_text(source, "python", ("x",))


def test_every_region_is_found():
    assert regions("### BEGIN SOLUTION\na\n### END SOLUTION\nb\n### BEGIN SOLUTION\nc\n### END SOLUTION") == [
        "a",
        "c",
    ]


LONG = "SELECT customer_id FROM orders WHERE status = 'pending' ORDER BY created_at"


def test_a_long_line_leaks_wherever_it_stands():
    pieces = {"q": fragments(f"-- BEGIN SOLUTION\n{LONG}\nLIMIT 20\n-- END SOLUTION")}
    json_text = '"cells": [\n "%%sql q\\n",\n "' + LONG.replace(" FROM", "  FROM") + '\\n"\n]'
    assert leaks(pieces, {"labs/x.ipynb": json_text}) == [
        f"labs/x.ipynb gives away the solution of q: {LONG}"
    ]
    assert leaks(pieces, {"hints.py": f'    "Try this:\\n"\n    "{LONG}",\n'})
    assert not leaks(pieces, {"labs/x.ipynb": '"SELECT 1"'})


def test_short_lines_leak_in_pairs_only():
    pieces = {"total": fragments(FUNCTION.replace("result = sum(prices)", "result = sum(all_prices)"))}
    assert not leaks(pieces, {"a.py": "result = sum(all_prices)\nprint(result)"})
    assert leaks(pieces, {"a.py": "  result = sum(all_prices)\n  # why\n\n  return result"}) == []
    assert leaks(pieces, {"a.py": "  result = sum(all_prices)\n\n  return result"})


def test_what_the_learner_is_given_does_not_count():
    source = f"-- BEGIN SOLUTION\n{LONG}\nLIMIT 20\n-- END SOLUTION"
    assert fragments(source, given=[LONG]) == []
