# accepts: SERIALIZABLE with a loop of attempts, error raised after the transaction
def attempt(conn, hashed, now):
    row = conn.execute(
        "SELECT family_id, expires_at, used_at FROM refresh_tokens WHERE token_hash = %s", [hashed]
    ).fetchone()
    if row is None:
        return None
    family, expires, used = row
    ends, revoked = conn.execute("SELECT ends_at, revoked_at FROM families WHERE id = %s", [family]).fetchone()
    if used is not None:
        conn.execute("UPDATE families SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s", [now, family])
        return None
    if revoked or now >= min(expires, ends):
        return None
    new = uuid.uuid4().hex + uuid.uuid4().hex
    conn.execute("UPDATE refresh_tokens SET used_at = %s WHERE token_hash = %s", [now, hashed])
    conn.execute(
        "INSERT INTO refresh_tokens VALUES (%s, %s, %s)",
        [hashlib.sha256(new.encode()).hexdigest(), family, min(now + timedelta(days=30), ends)],
    )
    return new


def refresh(conn, token, clock):
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    hashed, now = hashlib.sha256(token.encode()).hexdigest(), clock.now()
    for _ in range(10):
        try:
            with conn.transaction():
                new = attempt(conn, hashed, now)
            break
        except psycopg.errors.SerializationFailure:
            continue
    else:
        raise InvalidToken("too many at once")
    if new is None:
        raise InvalidToken("no")
    return new
