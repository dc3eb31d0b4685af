"""The lab in a real kernel, on real servers: checks, hints, SQL cells, live sessions, and everything that goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import course
import psycopg
import pytest
from nbformat.v4 import new_code_cell, new_output

from grader import services

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("course")


@pytest.fixture(scope="module")
def kernel(root: Path):
    with course.opened(root):
        kernel = course.Kernel(root)
        opened = kernel.run("from grader import Lab, explain; lab = Lab('90-tiny')")
        assert not opened.error, opened.error
        yield kernel
        kernel.run("%session close")
        kernel.close()


def check(kernel: course.Kernel, exercise: str = "double") -> course.Outputs:
    outputs = kernel.run(f'lab.check("{exercise}")')
    assert not outputs.error and not outputs.stderr, outputs
    return outputs


def nbgrader_grade(outputs: course.Outputs, points: float) -> tuple[float, float]:
    """What stock nbgrader makes of a check's cell."""
    from nbgrader.utils import determine_grade

    cell = new_code_cell("lab.check(...)")
    cell.metadata.nbgrader = {"grade": True, "solution": False, "points": points, "grade_id": "x"}
    for output in outputs:
        fields = {
            k: v for k, v in output.items() if k in ("name", "text", "data", "metadata", "execution_count")
        }
        cell.outputs.append(new_output(output["type"], **fields))
    return determine_grade(cell)


def test_an_answer_that_was_never_run_says_what_to_do(kernel):
    outputs = check(kernel, "pair")
    assert "run the answer's cell above" in outputs.stdout
    assert nbgrader_grade(outputs, 1) == (0.0, 1.0)


def test_the_untouched_stub_is_not_answered(kernel):
    kernel.run("def double(n):\n    raise NotImplementedError")
    outputs = check(kernel)
    assert "Not answered yet" in outputs.stdout
    assert nbgrader_grade(outputs, 2) == (0.0, 2.0)


@pytest.mark.parametrize(
    ("answer", "score"), [("n ** 2", 1.0), ("n + n", 2.0), ("2 * n", 2.0), ("n + 1", 1.0), ("None", 0.0)]
)
def test_the_score_is_the_plain_text_and_nbgrader_reads_it(kernel, answer, score):
    kernel.run(f"def double(n):\n    return {answer}")
    outputs = check(kernel)
    assert outputs.result["text/plain"] == repr(score)
    assert "<" in outputs.result["text/html"]
    assert outputs.stdout.startswith("double: ") and outputs.stdout.count("\n") == 1
    assert nbgrader_grade(outputs, 2) == (score, 2.0)


def test_a_syntax_error_is_named_with_its_line(kernel):
    kernel.run("x = 1\ndef double(n):\n    return (n + n")
    assert re.search(r"[Ll]ine \d", check(kernel).stdout)


def test_a_name_of_another_cell_is_explained(kernel):
    kernel.run("FACTOR = 2")
    kernel.run("def double(n):\n    return n * FACTOR")
    outputs = check(kernel)
    assert "uses `FACTOR`, which is defined in another cell" in outputs.stdout
    assert "FACTOR" in outputs.result["text/html"]


def test_an_undefined_name_that_exists_nowhere_is_not_explained_away(kernel):
    kernel.run("def double(n):\n    return n * nowhere_defined")
    assert "another cell" not in check(kernel).stdout


def test_an_answer_of_several_names_may_come_from_several_cells(kernel):
    kernel.run("def right(): return 'r'")
    kernel.run("%time 1\ndef left(): return 'l'\nlab.progress()")
    assert check(kernel, "pair").result["text/plain"] == "1.0"


def test_an_sql_cell_is_an_answer(kernel):
    assert "Saved as pick" in kernel.run("%%sql pick\nSELECT count(*) FROM customers;").stdout
    assert check(kernel, "pick").result["text/plain"] == "1.0"
    kernel.run("%%sql pick\n-- nothing yet")
    assert "Not answered yet" in check(kernel, "pick").stdout


def test_an_interrupt_ends_the_check_and_the_next_one_works(kernel):
    kernel.run("def double(n):\n    print('busy', flush=True)\n    while True: pass")
    parent = kernel.send('lab.check("double")')
    shown = ""
    while "checking" not in shown:  # the line that says that a check takes longer
        message = kernel.client.get_iopub_msg(timeout=30)
        shown += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
    kernel.interrupt()
    outputs = kernel.collect(parent)
    assert "Interrupted" in outputs.stdout and not outputs.error
    assert outputs.result["text/plain"] == "0.0"
    kernel.run("def double(n): return n + n")
    assert check(kernel).result["text/plain"] == "2.0"


def test_a_killed_judge_is_replaced(kernel):
    kernel.run("def double(n): return n + n")
    check(kernel)
    pid = int(kernel.run("lab._judge.pid").result["text/plain"])
    os.kill(pid, signal.SIGKILL)
    assert check(kernel).result["text/plain"] == "2.0"
    assert int(kernel.run("lab._judge.pid").result["text/plain"]) != pid


def test_opening_the_lab_again_keeps_the_judge(kernel):
    before = kernel.run("lab._judge.pid").result["text/plain"]
    kernel.run("lab = Lab('90')")
    assert kernel.run("lab._judge.pid").result["text/plain"] == before


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("Lab('tinny')", "Did you mean '90-tiny'?"),
        ("lab.check('dubble')", "Did you mean 'double'?"),
        ("lab.hint('zzz')", "There are: double, pick, turns, pair."),
        ("lab.reset(3)", "There are: double, pick, turns, pair."),
    ],
)
def test_a_wrong_name_gets_one_sentence_and_no_traceback(kernel, call, sentence):
    error = kernel.run(call).error
    assert sentence in error and "Traceback" not in error


def test_hints_come_in_three_stages_and_the_last_one_stays(kernel):
    shown = [kernel.run("lab.hint('pick')").result["text/plain"] for _ in range(4)]
    assert [s[:13] for s in shown] == [f"Hint {n} of 3: "[:13] for n in (1, 2, 3, 3)]


def test_the_solution_opens_after_five_different_judged_answers(kernel, root):
    for n in range(5):
        early = kernel.run("lab.solution('pair')").result["text/plain"]
        kernel.run(f"def left(): return {n}\ndef right(): return 'r'")
        passed_before = (
            "1.0" in kernel.run("lab.attempts.standing('90-tiny', 'pair').best").result["text/plain"]
        )
        assert passed_before or early.startswith("Not yet")
        check(kernel, "pair")
    shown = kernel.run("lab.solution('pair')").result["text/plain"]
    assert 'return "l"' in shown and "BEGIN SOLUTION" not in shown


def test_without_solutions_the_lab_says_so(kernel, root):
    source = root / "solutions" / "90-tiny.py"
    kernel.run("def double(n): return n + n")
    check(kernel)
    (root / "notebooks" / "90-tiny.py").write_text("# %% [markdown]\n# # A tiny lab\n")
    hidden = source.rename(source.with_suffix(".hidden"))
    try:
        assert "ask your instructor" in kernel.run("lab.solution('double')").error
        assert check(kernel).result["text/plain"] == "2.0"
    finally:
        hidden.rename(source)
        (root / "notebooks" / "90-tiny.py").unlink()


def test_a_schedule_is_replayed_step_by_step(kernel):
    kernel.run("def turns(): return None")
    shown = kernel.run("lab.replay('turns', '1 2 1 2')")
    assert "SET balance = 3" in shown.result["text/plain"] and "Lost." in shown.result["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in shown.result and "<" in shown.result["text/html"]
    assert "Every property holds" in kernel.run("lab.replay('turns', '1 1 2 2')").result["text/plain"]
    assert "is not a step of a schedule" in kernel.run("lab.replay('turns', '1 two')").error


def test_reset_shows_the_stub_and_loses_nothing(kernel, root):
    kernel.run("def double(n):\n    return 'precious'")
    shown = kernel.run("lab.reset('double')").result["text/plain"]
    assert "raise NotImplementedError" in shown
    saved = re.search(r"kept in (\S+)\.\n", shown)
    assert saved and "precious" in (root / saved[1]).read_text()


def test_progress_counts_what_was_done(kernel):
    kernel.run("def double(n): return n + n")
    check(kernel)
    assert "✓ double: 2 of 2 points" in kernel.run("lab.progress()").result["text/plain"]


def test_sql_shows_rows_and_counts(kernel):
    outputs = kernel.run(
        "%%sql\nSELECT id, NULL AS nothing FROM generate_series(1, 60) id; SELECT true AS yes, '<b>' AS tag"
    )
    assert "(60 rows, the first 50 shown)" in outputs.displays[0]["data"]["text/plain"]
    assert "NULL" in outputs.displays[0]["data"]["text/plain"]
    assert "&lt;b&gt;" in outputs.result["text/html"] and "true" in outputs.result["text/plain"]
    assert "UPDATE: 0 rows" in kernel.run("%sql UPDATE accounts SET balance = balance WHERE false").stdout
    assert kernel.run("rows = %sql SELECT 7 AS n\nrows.rows[0][0]").result["text/plain"] == "7"


def test_an_sql_error_is_a_sentence_with_a_caret_under_the_word(kernel):
    outputs = kernel.run("%%sql\nSELECT 1;\n\nSELECT nme\nFROM customers")
    lines = outputs.stdout.splitlines()
    assert lines[0] == 'Column "nme" does not exist (SQLSTATE 42703).'
    assert lines[1] == "  line 3: SELECT nme"
    assert lines[2].index("^") == lines[1].index("nme")
    assert not outputs.error and not outputs.stderr


def test_an_aborted_transaction_is_shown_as_such(kernel):
    assert "A transaction is open" in kernel.run("%sql BEGIN").stdout
    assert "until ROLLBACK" in kernel.run("%sql SELECT 1/0").stdout
    assert "until ROLLBACK" in kernel.run("%sql SELECT 1").stdout
    assert kernel.run("%sql ROLLBACK").stdout == "ROLLBACK\n"


def test_sql_without_statement_or_with_a_bad_name(kernel):
    assert "no statement" in kernel.run("%%sql\n-- nothing").stdout
    assert "at most one name" in kernel.run("%%sql two names\nSELECT 1").stdout


def test_a_closed_connection_is_replaced_with_a_word(kernel):
    kernel.run("lab.conn.close()")
    outputs = kernel.run("%sql SELECT 1 AS one")
    assert "connecting again" in outputs.stdout and "one" in outputs.result["text/plain"]
    outputs = kernel.run("%sql SELECT pg_terminate_backend(pg_backend_pid())")
    assert "run the cell again" in outputs.stdout and not outputs.error
    assert "one" in kernel.run("%sql SELECT 1 AS one").result["text/plain"]


def test_an_interrupted_statement_is_cancelled(kernel):
    parent = kernel.send("%sql SELECT pg_sleep(61)")
    await_statement("pg_sleep(61)")
    kernel.interrupt()
    outputs = kernel.collect(parent)
    assert "cancelled on the server" in outputs.stdout and not outputs.error
    assert kernel.run("%sql SELECT 1 AS one").result


def await_statement(text: str) -> None:
    """Returns once a session of the shop runs a statement that holds `text`."""
    with psycopg.connect(services.up().postgres.url("shop", role="admin"), autocommit=True) as admin:
        while not admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE strpos(query, %s) > 0 AND state = 'active' "
            "AND pid <> pg_backend_pid()",
            [text],
        ).fetchone():
            pass


def test_explain_rolls_back_what_the_statement_wrote(kernel):
    kernel.run("%sql CREATE TABLE IF NOT EXISTS written (n int)")
    shown = kernel.run("explain('INSERT INTO written VALUES (1)')")
    assert not shown.error, shown.error
    assert "0" in kernel.run("%sql SELECT count(*) FROM written").result["text/plain"]
    assert "EXPLAIN takes" in kernel.run("explain('CREATE INDEX ON written (n)')").stdout
    assert "holds 2" in kernel.run("explain('SELECT 1; SELECT 2')").stdout
    kernel.run("%sql DROP TABLE written")


class TestSessions:
    @pytest.fixture(autouse=True)
    def closed(self, kernel):
        kernel.run("%session close")
        yield
        kernel.run("%session close")

    def test_a_blocked_statement_returns_at_once_and_goes_on_later(self, kernel):
        kernel.run("%%session A\nBEGIN;\nUPDATE accounts SET balance = balance WHERE id = 1")
        blocked = kernel.run(
            "%%session B\nUPDATE accounts SET balance = balance WHERE id = 1;\nSELECT 42 AS answer"
        )
        assert "WAITS for A" in blocked.displays[-1]["data"]["text/plain"]
        assert "not sent yet" in blocked.displays[-1]["data"]["text/plain"]
        busy = kernel.run("%%session B\nSELECT 1").stdout
        assert "Session B is busy (it waits for A)" in busy
        went_on = kernel.run("%%session A\nCOMMIT")
        update = next(d for d in went_on.displays if d["type"] == "update_display_data")
        assert update["transient"]["display_id"] == blocked.displays[-1]["transient"]["display_id"]
        assert (
            "waited for A, then: UPDATE 1" in update["data"]["text/plain"]
            and "42" in update["data"]["text/plain"]
        )
        assert "B went on: UPDATE 1" in went_on.stdout

    def test_the_cell_is_updated_when_somebody_else_lets_it_go_on(self, kernel):
        url = services.up().postgres.url("shop", role="learner")
        with psycopg.connect(url) as other:
            other.execute("UPDATE accounts SET balance = balance WHERE id = 2")
            blocked = kernel.run("%%session B\nUPDATE accounts SET balance = balance WHERE id = 2")
            assert "another session (pid" in blocked.displays[-1]["data"]["text/plain"]
            other.commit()
            update = kernel.next_update()
        assert update["transient"]["display_id"] == blocked.displays[-1]["transient"]["display_id"]
        assert "then: UPDATE 1" in update["data"]["text/plain"]

    def test_a_deadlock_is_an_error_of_one_and_lets_the_other_go_on(self, kernel):
        for name, row in (("A", 1), ("B", 2)):
            kernel.run(f"%%session {name}\nBEGIN; UPDATE accounts SET balance = balance WHERE id = {row}")
        kernel.run("%%session A\nUPDATE accounts SET balance = balance WHERE id = 2")
        last = kernel.run("%%session B\nUPDATE accounts SET balance = balance WHERE id = 1")
        texts = [last.displays[-1]["data"]["text/plain"]]
        while not any("deadlock detected" in t for t in texts):
            texts.append(kernel.next_update()["data"]["text/plain"])

    def test_states_and_errors_are_told(self, kernel):
        broken = kernel.run("%%session A\nBEGIN; SELECT 1/0; SELECT 2")
        shown = broken.displays[-1]["data"]["text/plain"]
        assert "division by zero" in shown and "not sent" in shown and "until ROLLBACK" in shown
        assert "aborted" in kernel.run("%session").stdout
        kernel.run("%%session A\nROLLBACK")
        assert "idle" in kernel.run("%session").stdout

    def test_bad_input(self, kernel):
        assert "Name the session" in kernel.run("%%session\nSELECT 1").stdout
        assert "no statement" in kernel.run("%%session A\n--").stdout
        assert "No session is open" in kernel.run("%session").stdout

    def test_an_interrupted_statement_is_cancelled(self, kernel):
        parent = kernel.send("%%session A\nSELECT pg_sleep(60)")
        await_statement("pg_sleep(60)")
        kernel.interrupt()
        outputs = kernel.collect(parent)
        assert "canceling statement" in outputs.displays[-1]["data"]["text/plain"]


def test_killed_servers_are_restarted_and_nothing_is_lost(kernel):
    kernel.run("%sql CREATE TABLE kept AS SELECT 1 AS n")
    kernel.run("%%session A\nSELECT 1")
    for condition in services.status():
        if condition.pid:
            os.kill(condition.pid, signal.SIGKILL)
    opened = kernel.run("lab = Lab('90-tiny')")
    assert not opened.error and "Restarted after having been killed" in opened.stdout, opened
    assert not kernel.run("%%session A\nSELECT 1").error
    assert "1" in kernel.run("%sql SELECT n FROM kept").result["text/plain"]
    assert "1 row" in str(kernel.run("%%session A\nSELECT 1 AS one").displays)
    kernel.run("def double(n): return n + n")
    assert check(kernel).result["text/plain"] == "2.0"
    kernel.run("%sql DROP TABLE kept")


def test_files_beside_the_notebook_do_not_become_the_judges_modules(kernel, root):
    for name in ("redis", "psycopg", "json"):
        (root / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    try:
        kernel.run("lab._judge.close()")
        kernel.run("def double(n): return n + n")
        assert check(kernel).result["text/plain"] == "2.0"
    finally:
        for name in ("redis", "psycopg", "json"):
            (root / f"{name}.py").unlink()


def test_the_judge_dies_with_the_kernel(kernel, root):
    other = course.Kernel(root)
    other.run("from grader import Lab; lab = Lab('90-tiny')")
    pid = int(other.run("lab._judge.pid").result["text/plain"])
    judge = os.pidfd_open(pid)
    os.kill(other.manager.provisioner.pid, signal.SIGKILL)
    import select

    assert select.select([judge], [], [], 20)[0], "the judge outlived its kernel"
    os.close(judge)
    other.close()


def test_attempts_survive_a_crash_in_the_middle_of_a_line(kernel):
    path = services.home() / "attempts.jsonl"
    with path.open("a") as file:
        file.write('{"kind": "check", "lab": "90-')
    kernel.run("def double(n): return n + n")
    check(kernel)
    assert json.loads(path.read_text().splitlines()[-1])["exercise"] == "double"
    assert "✓ double" in kernel.run("lab.progress()").result["text/plain"]
