"""What Python's `random` gives away: 624 words of output are its whole state.

The generator is MT19937 (Matsumoto and Nishimura, "Mersenne Twister", 1998); its output function can be undone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

STATE_WORDS = 624
_MASK = 0xFFFFFFFF


def clone(numbers: Sequence[int], bits: int = 128) -> random.Random:
    """A generator that goes on as one does of which these are consecutive `getrandbits(bits)`.

    Needs 624 words of 32 bits: 156 numbers of 128. Raises ValueError if there are fewer, or bits is no multiple of 32.
    """
    if bits % 32 or len(numbers) * bits // 32 < STATE_WORDS:
        raise ValueError(f"{STATE_WORDS} words of 32 bits are needed, in numbers of a multiple of 32 bits")
    words = [n >> (32 * i) & _MASK for n in numbers for i in range(bits // 32)]
    state = tuple(_untemper(word) for word in words[:STATE_WORDS])
    twin = random.Random()
    twin.setstate((3, (*state, STATE_WORDS), None))
    for _ in words[STATE_WORDS:]:
        twin.getrandbits(32)
    return twin


def _untemper(word: int) -> int:
    """The word of state that this output was made of: tempering, backwards."""
    word = _undo_right(word, 18)
    word = _undo_left(word, 15, 0xEFC60000)
    word = _undo_left(word, 7, 0x9D2C5680)
    return _undo_right(word, 11)


def _undo_right(word: int, shift: int) -> int:
    found = word
    for _ in range(32 // shift):  # each round makes `shift` more bits right, from the left
        found = word ^ (found >> shift)
    return found


def _undo_left(word: int, shift: int, mask: int) -> int:
    found = word
    for _ in range(32 // shift):
        found = word ^ (found << shift & mask)
    return found & _MASK
