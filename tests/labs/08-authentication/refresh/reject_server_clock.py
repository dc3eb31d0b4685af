# fails: refuses_what_is_over, only_hashes_stored, reuse_ends_the_family -- "and the server's"
def sha(token):
    return hashlib.sha256(token.encode()).hexdigest()


def refresh(conn, token, clock):
    now = datetime.now(UTC)
    with conn.cursor(row_factory=dict_row) as cur:
        cur.execute(
            "SELECT t.*, f.ends_at, f.revoked_at FROM refresh_tokens t JOIN families f ON f.id = t.family_id "
            "WHERE t.token_hash = %s FOR UPDATE OF t",
            (sha(token),),
        )
        row = cur.fetchone()
        if row is None:
            conn.rollback()
            raise InvalidToken("unknown")
        if row["used_at"]:
            cur.execute("UPDATE families SET revoked_at = %s WHERE id = %s", (now, row["family_id"]))
            conn.commit()
            raise InvalidToken("used before")
        if row["expires_at"] <= now or row["ends_at"] <= now or row["revoked_at"]:
            conn.rollback()
            raise InvalidToken("over")
        new = secrets.token_urlsafe(32)
        expires = min(now + timedelta(days=30), row["ends_at"])
        cur.execute("UPDATE refresh_tokens SET used_at = %s WHERE token_hash = %s", (now, sha(token)))
        cur.execute("INSERT INTO refresh_tokens VALUES (%s, %s, %s)", (sha(new), row["family_id"], expires))
    conn.commit()
    return new
