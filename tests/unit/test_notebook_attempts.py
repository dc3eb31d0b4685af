"""The learner's record, and what it says about where they stand."""

import json

from grader.notebook.attempts import Attempts
from grader.verdict import Finding, Outcome, Status, Verdict


def verdict(*outcomes: Outcome, status: Status = Status.JUDGED) -> Verdict:
    findings = tuple(Finding(f"p{i}", "It holds.", o) for i, o in enumerate(outcomes))
    return Verdict("90-tiny", "double", status, 4.0, findings)


def test_the_best_attempt_counts_and_a_pass_stays_a_pass(tmp_path):
    attempts = Attempts(tmp_path / "a.jsonl")
    attempts.record_check(verdict(Outcome.PASS, Outcome.PASS), "a")
    attempts.record_check(verdict(Outcome.PASS, Outcome.FAIL), "b")
    standing = attempts.standing("90-tiny", "double")
    assert (standing.best, standing.passed, standing.tries) == (4.0, True, 2)


def test_only_different_judged_answers_are_honest_attempts(tmp_path):
    attempts = Attempts(tmp_path / "a.jsonl")
    for source in ("a", "a", " a\n", "b"):
        attempts.record_check(verdict(Outcome.FAIL), source)
    attempts.record_check(verdict(status=Status.NOT_ANSWERED), "c")
    attempts.record_check(verdict(status=Status.REJECTED), "d")
    attempts.record_check(verdict(status=Status.INFRA), "e")
    assert attempts.standing("90-tiny", "double").honest == 2


def test_hints_are_counted_an_exercise(tmp_path):
    attempts = Attempts(tmp_path / "a.jsonl")
    attempts.record_hint("90-tiny", "double", 1)
    attempts.record_hint("90-tiny", "double", 2)
    assert attempts.standing("90-tiny", "double").hints == 2
    assert attempts.standing("90-tiny", "pick").hints == 0


def test_a_damaged_line_costs_only_itself(tmp_path):
    path = tmp_path / "a.jsonl"
    attempts = Attempts(path)
    attempts.record_check(verdict(Outcome.PASS), "a")
    whole = path.read_bytes()
    path.write_bytes(b'\xff\xfe\n[1]\n{"kind": "check"}\n' + whole + whole[:25])
    attempts.record_hint("90-tiny", "double", 3)
    standing = attempts.standing("90-tiny", "double")
    assert (standing.passed, standing.hints, standing.tries) == (True, 3, 1)


def test_nothing_but_the_hash_of_an_answer_is_kept(tmp_path):
    path = tmp_path / "deep" / "a.jsonl"
    Attempts(path).record_check(verdict(Outcome.FAIL), "password = 'hunter2'")
    assert "hunter2" not in path.read_text()
    assert json.loads(path.read_text())["failed"] == ["p0"]


def test_no_record_yet(tmp_path):
    assert Attempts(tmp_path / "none.jsonl").standings() == {}
