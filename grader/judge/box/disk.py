"""Where no file system of its own caps what a compartment writes: a watch that ends it when it is too much."""

from __future__ import annotations

import os
import select
import signal
import threading
from pathlib import Path

INTERVAL = 0.25  # seconds between two looks; what can be written meanwhile is the box's weakness


def used(folder: Path) -> int:
    """Bytes of disk that everything below `folder` takes up. What vanishes meanwhile does not count."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:
                continue
    return total


def watch(pidfd: int, folder: Path, most: int) -> threading.Thread:
    """Kills the process behind `pidfd` once `folder` holds more than `most` bytes; ends with that process."""
    own = os.dup(pidfd)  # the number must not come to stand for another process while we look

    def look() -> None:
        try:
            while not select.select([own], [], [], INTERVAL)[0]:
                if used(folder) > most:
                    signal.pidfd_send_signal(own, signal.SIGKILL)
                    return
        except ProcessLookupError:
            pass
        finally:
            os.close(own)

    thread = threading.Thread(target=look, name="disk watch", daemon=True)
    thread.start()
    return thread
