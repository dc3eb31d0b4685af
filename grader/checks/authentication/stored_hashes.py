"""What is wrong with a stored hash, and which password it is of."""

from __future__ import annotations

import hashlib

import argon2

LEAST_MEMORY, LEAST_PASSES = 19 * 1024, 2  # KiB, passes: the least OWASP's cheat sheet advises
MOST_MEMORY, MOST_PASSES = 256 * 1024, 10  # beyond, a few logins at once bring the server down
LEAST_SALT, LEAST_DIGEST = 16, 16  # bytes
TODAYS = (
    f"a PHC string $argon2id$ with {LEAST_MEMORY} to {MOST_MEMORY} KiB, {LEAST_PASSES} to {MOST_PASSES} passes, "
    f"and a salt of {LEAST_SALT} bytes"
)


def old_hash(salt: str, password: str) -> str:
    return f"sha256${salt}${hashlib.sha256((salt + password).encode()).hexdigest()}"


def opens(stored: str, password: str) -> bool:
    """Whether an Argon2 string is that of the password; not computed for what is too dear."""
    if weakness(stored):
        return False
    try:
        return bool(argon2.PasswordHasher().verify(stored, password))
    except (argon2.exceptions.Argon2Error, argon2.exceptions.InvalidHashError):
        return False


def weakness(stored: str) -> str:  # noqa: PLR0911 - one line a flaw reads best
    """What is wrong with a stored hash, "" if nothing."""
    if not stored.startswith("$argon2"):
        return f"{shortened(stored)} is stored, which is no Argon2 hash"
    try:
        p = argon2.extract_parameters(stored)
    except argon2.exceptions.InvalidHashError:
        return f"{shortened(stored)} is stored, which no Argon2 library can read"
    cost = f"{p.memory_cost} KiB and {p.time_cost} passes"
    if p.type is not argon2.Type.ID:
        return f"the variant is {p.type.name}, not Argon2id"
    if p.memory_cost > MOST_MEMORY or p.time_cost > MOST_PASSES:
        return f"too dear: {cost}"
    if p.memory_cost < LEAST_MEMORY or p.time_cost < LEAST_PASSES:
        return f"too cheap: {cost}"
    if p.salt_len < LEAST_SALT or p.hash_len < LEAST_DIGEST:
        return f"the salt has {p.salt_len} bytes and the hash {p.hash_len}: at least 16 each"
    return ""


def salt_of(stored: str) -> str:
    parts = stored.split("$")
    return parts[4] if len(parts) > 5 else ""


def shortened(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= 60 else text[:57] + "..."
