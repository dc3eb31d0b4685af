"""The virtual clock: nothing moves it but the judge and those who sleep on it."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grader.instruments.answer_clock import connect, for_answer, local_clock
from grader.instruments.clock import START, VirtualClock
from grader.instruments.steps import Journal


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="bm-c-") as name:
        yield Path(name)


def test_time_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock()
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    assert clock.now() == START + timedelta(seconds=1.5)
    assert clock.time() == START.timestamp() + 1.5
    assert clock.monotonic() == 1.5
    clock.set(datetime(2029, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2029


def test_bad_moments_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="aware datetime"):
        VirtualClock(datetime(2030, 1, 1))
    clock = VirtualClock()
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot advance"):
            clock.advance(seconds)
    with pytest.raises(ValueError, match="non-negative"):
        clock.sleep(-1)
    with pytest.raises(ValueError, match="ten years"):
        clock.sleep(1e12)


def test_a_lone_sleeper_moves_the_clock() -> None:
    clock = VirtualClock()
    clock.sleep(30)
    assert clock.elapsed() == 30
    assert clock.sleeps == [30]


def test_the_answer_reads_the_same_clock_by_callback_and_by_socket(folder: Path) -> None:
    with VirtualClock() as clock:
        handlers = clock.callbacks("clock")
        for answer in (
            for_answer("clock", lambda name, args, kwargs: handlers[name](*args, **kwargs)),
            connect(clock.serve(folder)),
        ):
            before = clock.elapsed()
            assert answer.now() == clock.now()
            assert answer.now().tzinfo is UTC
            answer.sleep(2)
            asyncio.run(answer.asleep(3))
            assert answer.monotonic() == clock.monotonic() == before + 5
            with pytest.raises(ValueError, match="non-negative"):
                answer.sleep(-1)


def test_fifty_sleepers_share_one_time(folder: Path) -> None:
    with VirtualClock(sleeping="hold") as clock:
        answer = connect(clock.serve(folder))
        woken: list[float] = []

        async def sleeper(seconds: float) -> None:
            await answer.asleep(seconds)
            woken.append(seconds)

        async def crowd() -> None:
            await asyncio.gather(*(sleeper(1 + n % 2) for n in range(50)))

        thread = threading.Thread(target=lambda: asyncio.run(crowd()))
        thread.start()
        clock.wait_for_sleepers(50)
        assert clock.advance_to_next()
        clock.wait_for_sleepers(25, exactly=True)
        assert clock.elapsed() == 1
        assert clock.advance_to_next()
        thread.join()
        assert clock.elapsed() == 2
        assert sorted(woken) == [1] * 25 + [2] * 25
        assert not clock.advance_to_next()


def test_a_held_sleep_is_a_step() -> None:
    journal = Journal()
    clock = VirtualClock(sleeping="hold", journal=journal)
    journal.hold()
    thread = threading.Thread(target=clock.sleep, args=(7, "T1"))
    thread.start()
    step = journal.wait_for_step("T1")
    assert (step.lane, step.text) == ("clock", "sleep 7 s")
    assert clock.elapsed() == 0
    step.release()
    thread.join()
    assert clock.elapsed() == 7
    assert step.state == "ok"


def test_a_clock_of_ones_own() -> None:
    clock = local_clock("2030-05-01T00:00:00+00:00")
    clock.sleep(60)
    assert clock.now() == datetime(2030, 5, 1, 0, 1, tzinfo=UTC)
    assert for_answer("2030-05-01T00:00:00+00:00", lambda *a: None).now().month == 5


def test_the_face_is_a_new_file_and_nothing_an_answer_has_put_there(folder: Path) -> None:
    precious = folder / "precious"
    precious.write_text("kept")
    (folder / "clock-app.sock.now").symlink_to(precious)
    with VirtualClock() as clock, pytest.raises(FileExistsError):
        clock.serve(folder)
    assert precious.read_text() == "kept"


def test_whoever_asks_after_the_end_is_told(folder: Path) -> None:
    clock = VirtualClock()
    answer = connect(clock.serve(folder))
    answer.now()
    clock.close()
    with pytest.raises((RuntimeError, OSError)):
        answer.now()


def test_whoever_is_due_sleeps_no_more_at_once() -> None:
    clock = VirtualClock(sleeping="hold")
    threads = [threading.Thread(target=clock.sleep, args=(n,)) for n in (1, 5)]
    for thread in threads:
        thread.start()
    clock.wait_for_sleepers(2)
    with clock.changed:  # nobody can wake up meanwhile
        clock.advance(2)
        assert len(clock.sleepers) == 1
    clock.advance(3)
    for thread in threads:
        thread.join()
    assert clock.elapsed() == 5
