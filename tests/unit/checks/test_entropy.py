"""How much of a secret nobody can know."""

import secrets
import subprocess
import sys
from typing import Any

from grader.checks.authentication.entropy import DRIVER, Twin, drawn_enough
from grader.instruments.clock import VirtualClock

MADE = {
    "secrets.token_urlsafe(32)": 32,
    "uuid.uuid4()": 16,
    "urandom(16).hex()": 16,
    "ssl.RAND_bytes(24).hex()": 24,
    "secrets.randbits(128)": 16,
    "hashlib.sha256(b'pepper' + secrets.token_bytes(6)).hexdigest()": 6,
    "(random.getrandbits(128), time.time_ns(), datetime.now(), time.monotonic(), uuid.uuid1())": 0,
}
PROCESS = """
from datetime import datetime
from os import urandom
import hashlib, random, secrets, ssl, time, uuid
{driver}
__same_world__({path!r})
for expression in {made!r}:
    before = __drawn__()
    print(eval(expression), __drawn__() - before, sep="|")
"""


def made(path: Any) -> list[Twin]:
    """What a process of its own makes of each expression, and how much it draws for that."""
    source = PROCESS.format(driver=DRIVER, path=str(path), made=list(MADE))
    told = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    return [Twin(secret, int(drawn)) for secret, drawn in (line.split("|") for line in told.splitlines())]


def test_what_is_drawn_is_counted_and_the_same_in_another_process(tmp_path):
    clock = VirtualClock()
    path = clock.serve(tmp_path, "clock")
    try:
        ours, others = made(path), made(path)
    finally:
        clock.close()
    assert ours == others
    assert [twin.drawn for twin in ours] == list(MADE.values())
    assert [drawn_enough([twin, twin]) is True for twin in ours] == [True] * 5 + [False] * 2


def test_a_source_we_do_not_see_is_not_judged():
    assert drawn_enough([Twin(secrets.token_hex(16), 0), Twin(secrets.token_hex(16), 0)]) is True
    assert drawn_enough([Twin(secrets.token_hex(16), 4), Twin(secrets.token_hex(16), 4)]) is True
    assert drawn_enough([Twin("a", 4)]) is True
    assert drawn_enough([Twin("", 4), Twin("", 4)]) is True


def test_a_message_says_how_little_was_drawn():
    assert "only 6 random bytes" in drawn_enough([Twin("a", 6), Twin("a", 6)]).happened
    assert "nothing random was drawn" in drawn_enough([Twin("a", 0), Twin("a", 0)]).happened
