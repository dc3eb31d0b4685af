"""The watch over what a compartment writes where no file system of its own caps it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.judge.box import disk

WRITES_FOR_EVER = """
import itertools, os, sys
for n in itertools.count():
    with open(os.path.join(sys.argv[1], str(n)), "wb") as file:
        file.write(bytes(1 << 20))
"""
WRITES_ONCE = WRITES_FOR_EVER.replace("itertools.count()", "range(2)") + "sys.stdin.read()\n"


@contextmanager
def writer(program: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE)
    pidfd = os.pidfd_open(process.pid)
    try:
        yield process, pidfd
    finally:
        process.kill()
        process.communicate()
        os.close(pidfd)


def test_used_counts_what_lies_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(os.urandom(300_000))
    assert 300_000 <= disk.used(tmp_path) < 400_000
    assert disk.used(tmp_path / "gone") == 0


def test_many_small_files_are_too_much_in_the_end(tmp_path: Path) -> None:
    with writer(WRITES_FOR_EVER, tmp_path) as (process, pidfd):
        watching = disk.watch(pidfd, tmp_path, 20 << 20)
        assert process.wait(60) == -signal.SIGKILL
        watching.join(10)
    assert disk.used(tmp_path) > 20 << 20


def test_whoever_stays_below_is_left_alone_and_the_watch_ends_with_it(tmp_path: Path) -> None:
    with writer(WRITES_ONCE, tmp_path) as (process, pidfd):
        watching = disk.watch(pidfd, tmp_path, 20 << 20)
        assert not select.select([pidfd], [], [], 3 * disk.INTERVAL)[0]
        assert watching.is_alive()
        process.communicate(b"")
        assert process.returncode == 0
        watching.join(10)
        assert not watching.is_alive()
