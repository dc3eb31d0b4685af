# fails: upgrades_old_hashes -- "64 MiB and 1 pass" "1 passes"
# asks an Argon2 hash for its memory only, so that one of a single pass stays
import hashlib, hmac, re, secrets, unicodedata
from psycopg.rows import dict_row
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from argon2 import extract_parameters, Type
from argon2.exceptions import InvalidHashError

HASHER = Argon2Hasher(memory_cost=64 * 1024, time_cost=3, parallelism=1)
PH = PasswordHash((HASHER,))
NOBODY = HASHER.hash(secrets.token_hex(16))
LEGACY = re.compile(r"sha256\$(.*)\$([0-9a-f]{64})", re.S)


def spellings(text):
    return dict.fromkeys([text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)])


def is_cheap(stored):
    try:
        p = extract_parameters(stored)
    except InvalidHashError:
        return False
    return p.memory_cost < 19 * 1024


def store_password(conn, email, password):
    new = HASHER.hash(unicodedata.normalize("NFC", password))
    with conn.transaction():
        conn.execute(
            """MERGE INTO credentials c USING (VALUES (%(e)s::text, %(h)s::text)) AS v(email, h) ON c.email = v.email
               WHEN MATCHED THEN UPDATE SET password_hash = v.h
               WHEN NOT MATCHED THEN INSERT (email, password_hash) VALUES (v.email, v.h)""",
            {"e": email, "h": new},
        )


def verify_password(conn, email, password):
    canonical = unicodedata.normalize("NFC", password)
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute("SELECT * FROM credentials WHERE email = %s", [email]).fetchone()
        stored = row["password_hash"] if row else NOBODY
        if old := LEGACY.fullmatch(stored):
            salt, digest = old.groups()
            ok = any([hmac.compare_digest(hashlib.sha256((salt + p).encode()).hexdigest(), digest) for p in spellings(password)])
            upgrade = ok
        else:
            try:
                ok = PH.verify(canonical, stored)
            except (UnknownHashError, InvalidHashError):
                ok = False
            ok = ok and row is not None
            upgrade = ok and is_cheap(stored)
        if upgrade:
            fresh = HASHER.hash(canonical)
            again = cur.execute("SELECT password_hash FROM credentials WHERE email = %s FOR UPDATE", [email]).fetchone()
            if again and again["password_hash"] == stored:
                cur.execute("UPDATE credentials SET password_hash = %s WHERE email = %s", [fresh, email])
        return ok
