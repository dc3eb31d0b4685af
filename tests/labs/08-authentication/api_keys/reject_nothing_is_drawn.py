# fails: cannot_be_guessed -- "nothing random was drawn"
# Both parts are hashes of the time, with a UUID of version 1 and what `random` gives.
import random

VALID = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s)"


def sha(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(conn, owner_id, scopes, clock):
    made = sha(f"{datetime.now()} {uuid.uuid1()} {random.random()}")
    key = f"shop_{made[:12]}_{made[12:]}"
    conn.execute(
        "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) VALUES (%s, %s, %s, %s, %s)",
        (owner_id, key[:17], sha(key), scopes, clock.now()),
    )
    conn.commit()
    return key


def check_key(conn, key, scope, clock):
    prefix = key[:17].replace("\0", "?")
    row = conn.execute(
        f"SELECT owner_id, key_hash, scopes FROM api_keys WHERE prefix = %s AND {VALID}",
        (prefix, clock.now()),
    ).fetchone()
    conn.commit()
    if row is None or not hmac.compare_digest(row[1], sha(key)):
        raise InvalidKey
    if scope not in row[2]:
        raise MissingScope
    return row[0]


def rotate_key(conn, key, clock):
    now = clock.now()
    row = conn.execute(
        "UPDATE api_keys SET rotated_at = %s, expires_at = LEAST(expires_at, %s) "
        f"WHERE prefix = %s AND key_hash = %s AND rotated_at IS NULL AND {VALID} RETURNING owner_id, scopes",
        (now, now + timedelta(hours=24), key[:17].replace("\0", "?"), sha(key), now),
    ).fetchone()
    if row is None:
        conn.rollback()
        raise InvalidKey
    return create_key(conn, row[0], row[1], clock)


def revoke_key(conn, prefix, clock):
    conn.execute("UPDATE api_keys SET revoked_at = %s WHERE prefix = %s", (clock.now(), prefix))
    conn.commit()
