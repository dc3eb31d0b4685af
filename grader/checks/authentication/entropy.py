"""Whether a secret is made of enough that nobody can know: it is made twice, and all that can be known is the same.

What is drawn from the system's randomness is the same both times too, and counted. Secrets that are equal come of that
and of nothing else; ones that differ have another source (the server, a library in C, what was drawn when the answer
was loaded), of which this says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.checks.exercise import Ruling, fail
from grader.checks.virtual_time import CALENDAR
from grader.checks.virtual_time import DRIVER as TIME

ENOUGH = 16  # bytes: 128 bits
# `secrets`, SystemRandom and uuid4 ask os.urandom or random._urandom; a UUID of version 1 is what Python makes of the time.
DRIVER = (
    TIME
    + CALENDAR
    + """
def __same_world__(path):
    # From now on this process draws, and reads from clocks and `random`, what every other one does that was put here.
    import os, random, ssl, uuid

    source = random.Random(11)

    def draw(size, *flags):
        __drawn__.bytes += size
        return source.randbytes(size)

    __time_flows__(path)
    __calendar_flows__(path)
    __swap__(os, urandom=draw, getrandom=draw)
    __swap__(random, _urandom=draw)
    __swap__(ssl, RAND_bytes=draw)
    __swap__(uuid, getnode=lambda: 11, _generate_time_safe=None, _last_timestamp=None)
    random.seed(11)


def __drawn__():
    return __drawn__.bytes


__drawn__.bytes = 0
"""
)


@dataclass(frozen=True)
class Twin:
    """A secret that was made in such a process. drawn: bytes of the system's randomness that it took."""

    secret: str
    drawn: int


def drawn_enough(twins: Sequence[Twin]) -> Ruling:
    """twins: what two processes made in the same world; fewer say nothing."""
    if len(twins) < 2 or not twins[0].secret or twins[0].secret != twins[1].secret:
        return True
    drawn = max(twin.drawn for twin in twins)
    if drawn >= ENOUGH:
        return True
    known = "at the same moment and with `random` in the same state"
    return fail(
        f"at least {ENOUGH} random bytes of the system's in what nobody may guess",
        f"only {drawn} random bytes were drawn: another process that got the same made the same secret, {known}"
        if drawn
        else f"nothing random was drawn: another process made the same secret {known}",
        "What is computed from a public text, or from the time, is computed by anybody; a hash of it adds nothing.",
    )
