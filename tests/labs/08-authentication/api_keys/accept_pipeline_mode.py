# accepts: the look-up in pipeline mode, begin, statement and commit in one round trip
# A public random part finds the row by equality, so the index does the work; the rest has 256 bits, which a fast hash
# protects as well as a slow one. The UPDATE decides which of two rotations won; locking the row first does as well.
GOOD = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)"


def _parts(key):
    """The prefix by which a key is found, and the hash that is compared."""
    return key[:13], hashlib.sha256(key.encode()).hexdigest()


def create_key(conn: psycopg.Connection, owner_id: int, scopes: list[str], clock) -> str:
    """Makes a key; commits."""
    key = f"shop_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    with conn.transaction():
        conn.execute(
            "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) VALUES (%s, %s, %s, %s, %s)",
            [owner_id, *_parts(key), scopes, clock.now()],
        )
    return key


def check_key(conn: psycopg.Connection, key: str, scope: str, clock) -> int:
    """The owner's id. Raises InvalidKey, or MissingScope."""
    row = None
    if key.isascii() and key.isprintable() and len(key) < 200:  # what Postgres or the driver would choke on
        prefix, digest = _parts(key)
        with conn.pipeline(), conn.transaction():
            row = conn.execute(
                f"SELECT owner_id, scopes, key_hash FROM api_keys WHERE prefix = %(prefix)s AND {GOOD}",
                {"prefix": prefix, "now": clock.now()},
            ).fetchone()
    if row is None or not hmac.compare_digest(row[2], digest):
        raise InvalidKey("not a key of ours")
    if scope not in row[1]:
        raise MissingScope(scope)
    return row[0]


def rotate_key(conn: psycopg.Connection, key: str, clock) -> str:
    """The successor of a key, which works for 24 hours more; commits. Raises InvalidKey."""
    if not (key.isascii() and key.isprintable() and len(key) < 200):
        raise InvalidKey("not a key of ours")
    prefix, digest = _parts(key)
    moment = {"now": clock.now(), "end": clock.now() + timedelta(hours=24), "prefix": prefix, "hash": digest}
    with conn.transaction():
        row = conn.execute(
            f"""
            UPDATE api_keys SET rotated_at = %(now)s, expires_at = least(expires_at, %(end)s)
             WHERE prefix = %(prefix)s AND key_hash = %(hash)s AND rotated_at IS NULL AND {GOOD}
            RETURNING owner_id, scopes
            """,
            moment,
        ).fetchone()
        if row is None:
            raise InvalidKey("not a key of ours")
        return create_key(conn, *row, clock)


def revoke_key(conn: psycopg.Connection, prefix: str, clock) -> None:
    """Ends the key with this prefix at once; commits."""
    with conn.transaction():
        conn.execute(
            "UPDATE api_keys SET revoked_at = %s WHERE prefix = %s AND revoked_at IS NULL", [clock.now(), prefix]
        )


