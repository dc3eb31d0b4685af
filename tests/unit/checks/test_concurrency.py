"""Rulings over hand-written runs: no server, no answer."""

from grader.checks.concurrency import Scene, all_end, blame, holds, left_open, refused
from grader.checks.exercise import Failed, Unknown
from grader.checks.running import Error, Reply
from grader.instruments.explore import Run, parse

OK = Reply()
REFUSED = Reply(error=Error("domain", "OutOfStock", "0 left"))
VICTIM = Reply(error=Error("database", "DeadlockDetected", "deadlock detected\nDETAIL: ...", "40P01"))


def run(schedule: str, state: object = None, *replies: Reply, endings: tuple[str, ...] = ()) -> Run:
    said = list(replies) or [OK, OK]
    return Run(
        choices=parse(schedule),
        replies=said,
        endings=list(endings) or ["returned"] * len(said),  # type: ignore[arg-type]
        state=state,
    )


def wrong(played: Run) -> str:
    return "" if played.state == 100 else f"the total is {played.state}"


def test_all_runs_must_hold() -> None:
    scene = Scene("two calls", [run("1 1 2 2", 100), run("1 2 2 1", 100)])
    assert holds([scene], wrong, expected="100") is True


def test_a_counterexample_says_its_schedule_and_shows_a_timeline() -> None:
    scene = Scene("two calls", [run("1 1 2 2", 100), run("1 2 2 1", 90)])
    ruling = holds([scene], wrong, expected="100", misconception="old numbers")
    assert isinstance(ruling, Failed)
    assert (ruling.expected, ruling.misconception) == ("100", "old numbers")
    assert ruling.happened == "the total is 90 (schedule 1 2 2 1)"
    (exhibit,) = ruling.evidence
    assert (exhibit.kind, exhibit.data["schedule"]) == ("timeline", "1 2 2 1")


def test_fewer_callers_make_the_simpler_counterexample() -> None:
    three = Scene("three calls", [run("1 2 3", 90, OK, OK, OK)])
    two = Scene("two calls", [run("1 2", 80)])
    ruling = holds([three, two], wrong, expected="100")
    assert isinstance(ruling, Failed) and "80" in ruling.happened


def test_nothing_played_is_no_pass() -> None:
    assert isinstance(holds([Scene("two calls")], wrong, expected="100"), Unknown)


def test_a_scene_cut_short_is_no_pass() -> None:
    cut = Scene("two calls", [run("1 2", 100)], cut=True)
    assert isinstance(holds([cut], wrong, expected="100"), Unknown)


def test_a_call_that_never_ends_is_no_pass_for_others() -> None:
    scene = Scene("two calls", [run("1 2", 90, endings=("returned", "never finished"))])
    assert isinstance(holds([scene], wrong, expected="100"), Unknown)
    ended = all_end([scene])
    assert isinstance(ended, Failed) and "T2 never came back" in ended.happened


def test_a_replayed_schedule_never_passes() -> None:
    scene = Scene("two calls", [run("1 2 2 1", 100)], asked="1 2 2 1")
    ruling = holds([scene], wrong, expected="100")
    assert isinstance(ruling, Unknown) and ruling.evidence[0].kind == "timeline"
    other = holds([Scene("three calls", asked="1 2 2 1")], wrong, expected="100")
    assert isinstance(other, Unknown) and not other.evidence


def test_a_misconception_may_depend_on_the_run() -> None:
    scene = Scene("two calls", [run("1 2", 90)])
    ruling = holds([scene], wrong, expected="100", misconception=lambda played: f"state {played.state}")
    assert isinstance(ruling, Failed) and ruling.misconception == "state 90"


def test_what_counts_as_a_refusal() -> None:
    assert refused(REFUSED)
    assert refused(Reply(error=Error("builtin", "ValueError")))
    assert not refused(OK) and not refused(VICTIM) and not refused(None)
    assert not refused(Reply(error=Error("builtin", "TypeError")))


def test_words_for_how_a_call_ended() -> None:
    assert blame(OK) == "returned"
    assert blame(VICTIM) == "raised DeadlockDetected (40P01): deadlock detected"
    assert blame(None) == "did not come back"
    assert left_open(Reply(connections={"left": "open"})) and not left_open(OK)
