# fails: long_passwords -- "last of 1,301" "cut off"
# cuts passwords to 1,024 characters so that nobody sends a megabyte
import hashlib
import hmac
import unicodedata

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_ph = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
_DUMMY = _ph.hash("nobody's password")


def _norm(password):
    return unicodedata.normalize("NFC", password)[:1024]


def _check_legacy(stored, password):
    parts = stored.split("$")
    if len(parts) != 3:
        return False
    _, salt, digest = parts
    return hmac.compare_digest(hashlib.sha256((salt + password).encode()).hexdigest().encode(), digest.lower().encode())


def store_password(conn, email, password):
    hashed = _ph.hash(_norm(password))
    conn.execute(
        "INSERT INTO credentials (email, password_hash) VALUES (%s, %s)"
        " ON CONFLICT (email) DO UPDATE SET password_hash = EXCLUDED.password_hash",
        (email, hashed),
    )
    conn.commit()


def verify_password(conn, email, password):
    row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", (email,)).fetchone()
    conn.rollback()  # no transaction open during the hashing
    stored = row[0] if row else _DUMMY
    password = _norm(password)
    if stored.startswith("sha256$"):
        if not _check_legacy(stored, password):
            return False
        upgrade = True
    else:
        try:
            _ph.verify(stored, password)
        except (InvalidHashError, VerificationError):
            return False
        if row is None:
            return False
        upgrade = _ph.check_needs_rehash(stored)
    if upgrade:
        conn.execute(
            "UPDATE credentials SET password_hash = %s WHERE email = %s AND password_hash = %s",
            (_ph.hash(password), email, stored),
        )
        conn.commit()
    return True
