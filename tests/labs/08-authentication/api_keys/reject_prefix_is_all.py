# fails: only_a_hash_stored, bad_keys_look_alike -- "characters after the prefix"
# All of the key is its prefix.
class Refused(Exception):
    code = 401


class Forbidden(Refused):
    code = 403


VALID = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s)"


def sha(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(conn, owner_id, scopes, clock):
    key = "shop_" + secrets.token_hex(6) + "_" + secrets.token_urlsafe(32)
    conn.execute(
        "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) VALUES (%s, %s, %s, %s, %s)",
        (owner_id, key[:200], sha(key), scopes, clock.now()),
    )
    conn.commit()
    return key


def check_key(conn, key, scope, clock):
    prefix = key[:200].replace("\0", "?")
    row = conn.execute(
        f"SELECT owner_id, key_hash, scopes FROM api_keys WHERE prefix = %s AND {VALID}",
        (prefix, clock.now()),
    ).fetchone()
    conn.commit()
    if row is None or not hmac.compare_digest(row[1], sha(key)):
        raise Refused("bad key")
    if scope not in row[2]:
        raise Forbidden("not allowed")
    return row[0]


def rotate_key(conn, key, clock):
    now = clock.now()
    prefix = key[:200].replace("\0", "?")
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (prefix,))
    row = conn.execute(
        f"SELECT owner_id, scopes, key_hash, rotated_at, expires_at, id FROM api_keys WHERE prefix = %s AND {VALID}",
        (prefix, now),
    ).fetchone()
    if row is None or row[2] != sha(key) or row[3] is not None:
        conn.rollback()
        raise Refused("bad key")
    end = now + timedelta(hours=24)
    if row[4] is not None and row[4] < end:
        end = row[4]
    conn.execute("UPDATE api_keys SET rotated_at = %s, expires_at = %s WHERE id = %s", (now, end, row[5]))
    return create_key(conn, row[0], row[1], clock)


def revoke_key(conn, prefix, clock):
    conn.execute("UPDATE api_keys SET revoked_at = %s WHERE prefix = %s", (clock.now(), prefix))
    conn.commit()
