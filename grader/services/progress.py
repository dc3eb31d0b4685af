"""Saying what takes long: lines on a terminal, each with the seconds since the start."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Narrator:
    """A progress callback that prints each new sentence once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._last = ""

    def __call__(self, sentence: str) -> None:
        if sentence != self._last:
            self._last = sentence
            print(f"[{time.monotonic() - self._began:5.1f} s] {sentence}", file=self._stream, flush=True)
