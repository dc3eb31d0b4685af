"""Which source a check judges, from the texts of executed cells."""

import ast

import pytest

from grader.notebook.history import AnswerMissing, find_answer, read_cell


def test_the_last_executed_cell_that_binds_the_name_counts():
    cells = ["def transfer(): return 1", "def transfer(): return 2", "transfer()", 'lab.check("transfer")']
    assert find_answer(cells, ["transfer"]) == "def transfer(): return 2"


@pytest.mark.parametrize(
    "cell",
    [
        "def answer(): ...",
        "async def answer(): ...",
        "class answer: ...",
        "answer = 1",
        "answer: int = 1",
        "a, (b, answer) = 1, (2, 3)",
        "import x as answer",
        "from x import answer",
        "if True:\n    def answer(): ...",
        "try:\n    import answer\nexcept ImportError:\n    answer = None",
        "with open('f') as answer:\n    pass",
        "for answer in (): pass",
        "(answer := 1)",
    ],
)
def test_every_way_to_bind_a_name(cell):
    assert "answer" in read_cell(cell).names


@pytest.mark.parametrize(
    "cell",
    [
        "answer()",
        "print(answer)",
        "answer: int",
        "x.answer = 1",
        "x['answer'] = 1",
        "def other():\n    answer = 1",
        "[answer for answer in ()]",
        "lambda answer: 1",
        "# answer = 1",
        "'''\nanswer = 1\n'''",
    ],
)
def test_a_name_that_is_only_used_is_not_bound(cell):
    assert "answer" not in read_cell(cell).names


def test_an_sql_cell_binds_its_name_and_is_kept_as_it_is():
    cell = "%%sql orders\nSELECT 1\n"
    assert find_answer([cell], ["orders"]).strip() == cell.strip()


def test_an_sql_cell_without_a_name_binds_nothing():
    with pytest.raises(AnswerMissing, match="run the answer's cell"):
        find_answer(["%%sql\nSELECT orders FROM t"], ["orders"])


def test_magics_are_left_out_and_lines_stay_where_they_are():
    cell = "%load_ext autoreload\nimport math\n!ls -l\nfiles = !ls\nhelp?\n\ndef area(r):\n    return math.pi * r"
    source = find_answer([cell], ["area"])
    ast.parse(source)
    assert source.splitlines()[6] == "def area(r):"
    assert "get_ipython" not in source


def test_a_magic_inside_a_function_becomes_pass():
    source = find_answer(["def area(r):\n    if r:\n        %time r\n    return r"], ["area"])
    assert source == "def area(r):\n    if r:\n        pass\n    return r\n"


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "%%timeit -n 1"])
def test_timing_a_cell_does_not_hide_its_answer(magic):
    assert "def area" in find_answer([f"{magic}\ndef area(r): return r"], ["area"])


@pytest.mark.parametrize("magic", ["%%bash", "%%html", "%%writefile f.py", "%%session A"])
def test_cells_of_other_languages_bind_nothing(magic):
    with pytest.raises(AnswerMissing):
        find_answer([f"{magic}\narea = 1"], ["area"])


def test_talk_to_the_lab_is_left_out():
    cell = 'lab = Lab("x")\ndef area(r):\n    return r\nlab.check("area")\nx = lab.conn'
    source = find_answer([cell], ["area"])
    assert "check" not in source and "Lab(" not in source and "return r" in source


def test_a_broken_cell_that_looks_like_the_answer_is_judged_as_it_is():
    cells = ["def area(r): return 1", "def area(r):\n  return (1"]
    assert find_answer(cells, ["area"]) == cells[1]


def test_a_broken_cell_that_only_uses_the_name_is_passed_over():
    assert find_answer(["def area(r): return 1", "print(area(1)"], ["area"]) == "def area(r): return 1"


def test_several_names_come_from_their_last_cells_in_order_without_repetition():
    cells = ["def left(): return 0", "def right(): return 2", "def left(): return 1"]
    assert find_answer(cells, ["left", "right"]) == "def right(): return 2\n\ndef left(): return 1"
    both = "def left(): ...\ndef right(): ..."
    assert find_answer([both], ["left", "right"]) == both


def test_several_names_may_mix_sql_and_python():
    source = find_answer(["%%sql query\nSELECT 'it''s'\n", "engine = 'postgres'"], ["query", "engine"])
    names: dict[str, str] = {}
    exec(source, names)
    assert names["query"].strip() == "SELECT 'it''s'" and names["engine"] == "postgres"


def test_the_name_that_is_missing_is_named():
    with pytest.raises(AnswerMissing, match="`right`"):
        find_answer(["def left(): ..."], ["left", "right"])


@pytest.mark.parametrize("cell", ["\0area", "area = (" * 3, "area = 1\n" + "(" * 300, ""])
def test_odd_text_never_raises_anything_else(cell):
    read_cell(cell)
