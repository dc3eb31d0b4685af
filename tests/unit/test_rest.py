"""Waiting without a deadline: until it comes about, or nothing moves any more."""

from __future__ import annotations

import subprocess
import sys
import threading

from grader.instruments.explore.stillness import wants_to_run
from grader.instruments.rest import at_rest
from grader.instruments.steps import Journal, Step

BUSY = "import sys; sys.stdin.read(1); sum(range(3 * 10**7)); print(flush=True); sys.stdin.read()"


def step(journal: Journal, text: str = "GET k") -> Step:
    made = Step("Redis", "app", text, journal, lambda step, action: None)
    journal.announce(made)
    return made


def test_what_comes_about_is_seen() -> None:
    journal = Journal()
    threading.Timer(0.05, lambda: step(journal).finish("ok")).start()
    open_step = step(journal)  # under way: nobody may conclude that all is still
    assert at_rest(journal, lambda: len(journal.steps) == 2)
    open_step.finish("ok")


def test_silence_ends_the_waiting() -> None:
    assert not at_rest(Journal(), lambda: False)


def test_a_step_that_waits_in_its_server_does_not_move() -> None:
    journal = Journal()
    blocked = step(journal, "BLPOP list 0")
    blocked.look = lambda step: True
    assert not at_rest(journal, lambda: False)


def test_a_process_that_computes_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=-1, stdout=-1) as child:
        assert child.stdin and child.stdout
        done: list[bytes] = []
        threading.Thread(target=lambda: done.append(child.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        child.stdin.write(b"!")
        child.stdin.flush()
        assert at_rest(Journal(), lambda: bool(done), pids=[child.pid])
        child.stdin.close()


def test_the_thread_that_asks_is_not_counted() -> None:
    me = threading.get_native_id()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        assert wants_to_run(0) is None
        assert wants_to_run(child.pid, besides=me) in (True, False)
        child.communicate(b"\n")
