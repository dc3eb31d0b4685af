"""What a variant must get, and what is said when it gets something else."""

import pytest

from grader.authoring.source import SourceError
from grader.authoring.variants import misjudged, parse_variant
from grader.verdict import Finding, Outcome, Status, Verdict

REJECT = '# fails: no_lost_update -- "was overwritten" "READ, then"\nx = 1\n'


def verdict(status=Status.JUDGED, message="", **outcomes):
    said = {"happened": "The other transfer was  overwritten", "misconception": "Read, then write."}
    findings = tuple(Finding(name, "claim", Outcome(outcome), **said) for name, outcome in outcomes.items())
    return Verdict("90-x", "transfer", status, 4, findings, message)


def test_a_reject_names_properties_and_words():
    variant = parse_variant("transfer", "reject_x.py", REJECT.replace("update", "update, no_overdraft"))
    assert variant.properties == ("no_lost_update", "no_overdraft")
    assert variant.words == ("was overwritten", "READ, then")


def test_an_sql_variant_is_headed_by_an_sql_comment():
    assert (
        parse_variant("q", "accept_x.sql", "-- accepts: a partial index\nSELECT 1").mechanism
        == "a partial index"
    )


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("reject_x.py", "x = 1"),
        ("reject_x.py", "# fails: no_lost_update"),
        ("reject_x.py", '# fails: -- "words"'),
        ("reject_x.py", "# fails: p -- words"),
        ("reject_x.py", "# accepts: it works"),
        ("accept_x.py", '# fails: p -- "words"'),
        ("accept_x.py", "# accepts:"),
        ("reject_x.py", '# rejected p -- "words"'),
    ],
)
def test_a_wrong_first_line_is_refused(name, head):
    with pytest.raises(SourceError):
        parse_variant("transfer", name, head + "\n")


def test_the_named_failure_with_its_words_is_as_it_must_be():
    variant = parse_variant("transfer", "reject_x.py", REJECT)
    assert misjudged(variant, verdict(no_lost_update="FAIL", no_overdraft="SKIP", calm="UNKNOWN")) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (verdict(no_lost_update="PASS"), "must fail no_lost_update (is PASS)"),
        (verdict(no_lost_update="UNKNOWN"), "must fail no_lost_update (is UNKNOWN)"),
        (verdict(no_lost_update="FAIL", calm="FAIL"), "must not fail calm"),
        (verdict(Status.REJECTED, "Line 1."), "is rejected: Line 1."),
        (verdict(Status.INFRA, "No disk."), "could not be judged: No disk."),
    ],
)
def test_any_other_verdict_is_a_misjudgement(given, words):
    (problem,) = misjudged(parse_variant("transfer", "reject_x.py", REJECT), given)
    assert words in problem


def test_other_words_are_a_misjudgement():
    variant = parse_variant("transfer", "reject_x.py", REJECT.replace("was overwritten", "deadlock"))
    (problem,) = misjudged(variant, verdict(no_lost_update="FAIL"))
    assert 'lacks "deadlock"' in problem


def test_an_accepted_variant_needs_full_marks():
    variant = parse_variant("transfer", "accept_x.py", "# accepts: locks\n")
    assert misjudged(variant, verdict(no_lost_update="PASS")) == []
    assert "got 2 of 4" in misjudged(variant, verdict(no_lost_update="PASS", calm="UNKNOWN"))[0]


def test_a_rejected_answer_must_say_why():
    variant = parse_variant("transfer", "reject_x.py", '# rejected -- "does not bind"\n')
    assert misjudged(variant, verdict(Status.REJECTED, "It does not bind `transfer`.")) == []
    assert misjudged(variant, verdict(Status.REJECTED, "Syntax error."))
    assert misjudged(variant, verdict(no_lost_update="FAIL"))
