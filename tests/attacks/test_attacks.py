"""Every hostile answer: what it earns, that it changed nothing outside its box, that it left nothing behind.

`make test` runs those that wait for no limit, `make campaign` all of them.
"""

from __future__ import annotations

import functools
import json
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import classroom_course as course
import pytest
from _pytest.mark import ParameterSet
from attacks.hostile import ALL, Attack

from grader.judge import judge_answer
from grader.judge.box.launcher import BoxLauncher
from grader.verdict import Status

pytestmark = pytest.mark.server
CANARY = "canary-5e3f-course-seed"
SEED = 4_711_202_611


@dataclass
class Host:
    """What there is to reach outside the box, and whether it was reached."""

    canary: Path
    root: Path
    listener: socket.socket

    def dress(self, source: str) -> str:
        port = str(self.listener.getsockname()[1])
        for name, value in (
            ("canary", str(self.canary)),
            ("root", str(self.root)),
            ("port", port),
            ("pid", str(os.getpid())),
        ):
            source = source.replace(f"{{{name}}}", value)
        return source

    def untouched(self) -> None:
        assert self.canary.read_text() == CANARY
        assert not select.select([self.listener], [], [], 0)[0], "somebody connected to the host"
        assert not Path("/tmp/owned").exists()
        assert (
            json.loads((self.root / "labs" / course.LAB / f"{course.LAB}.ipynb").read_text())
            == course.release()
        )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with (
        course.opened(tmp_path_factory.mktemp("attacked") / "course") as root,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        canary = root / "course-seed"
        canary.write_text(CANARY)
        canary.chmod(0o600)
        (root / "solutions" / "92-till.py").write_text(f"# {CANARY}\n")
        course.hand_in(root, "another", course.answered(course.RIGHT))
        yield Host(canary, root, listener)


@pytest.fixture(scope="module")
def launchers(services: object) -> Iterator[Callable[[str], BoxLauncher]]:
    with ExitStack() as stack:
        yield functools.cache(lambda level: stack.enter_context(BoxLauncher(level)))


def box_processes(pid: int) -> set[int]:
    """Every process below `pid`, by the kernel's own list."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        current = todo.pop()
        try:
            children = Path(f"/proc/{current}/task/{current}/children").read_text().split()
        except OSError:
            continue
        todo += [int(c) for c in children if int(c) not in found]
        found.update(map(int, children))
    return found


def cases() -> Iterator[ParameterSet]:
    """The strong box meets every attack; the weaker one too, in the campaign."""
    for level in ("bubblewrap", "landlock"):
        for attack in ALL:
            long = attack.slow or level == "landlock"
            marks = [pytest.mark.campaign(only=True)] if long else []
            yield pytest.param(level, attack, id=f"{level}-{attack.exercise}-{attack.name}", marks=marks)


@pytest.mark.parametrize(("level", "attack"), list(cases()))
def test_attack_earns_nothing_and_reaches_nothing(
    level: str, attack: Attack, host: Host, launchers: Any
) -> None:
    launcher: BoxLauncher = launchers(level)
    before = box_processes(launcher.slot().pid) if launcher.slot().alive() else set()
    with launcher.submission():
        verdict = judge_answer(
            course.LAB, attack.exercise, host.dress(attack.source), seed=SEED, launcher=launcher
        )
        # The next exercise of the same learner, and so the next learner, finds a place that works.
        honest = judge_answer(course.LAB, "pay", course.RIGHT["pay"], seed=SEED, launcher=launcher)
    assert verdict.points == attack.points, verdict
    assert verdict.status is not Status.INFRA or attack.may_stop_the_servers, verdict.message
    assert honest.passed, honest
    text = json.dumps(verdict.to_json())
    assert CANARY not in text and str(SEED) not in text and "LEAK_" not in text
    assert len(text) < 200_000
    host.untouched()
    left = box_processes(launcher.slot().pid) - before
    assert not left or launcher.slot().pid not in before, left
    assert not [p for p in launcher.slot().inside.glob("[pr][0-9]*")], "a server's folder was left"


def test_there_are_at_least_sixty() -> None:
    assert len({(a.exercise, a.name) for a in ALL}) == len(ALL) >= 60


def test_a_closed_box_leaves_nothing(host: Host, services: object) -> None:
    with BoxLauncher("bubblewrap") as boxed:
        judge_answer(course.LAB, "remember", course.RIGHT["remember"], launcher=boxed)
        slot = boxed.slot()
        below = [os.pidfd_open(pid) for pid in box_processes(slot.pid)]
        assert below
    assert not slot.folder.exists()
    for pidfd in below:
        assert select.select([pidfd], [], [], 10)[0], "a process of the box lives on"
        os.close(pidfd)
    assert not [folder for folder in slot.cgroup.folders if folder.exists()]
