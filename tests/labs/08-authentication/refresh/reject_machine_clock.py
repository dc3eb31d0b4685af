# fails: refuses_what_is_over, only_hashes_stored, reuse_ends_the_family -- "your machine's clock"
# Takes the time from the machine that runs it, and the moments that it stores too.
import time


def sha(token):
    return hashlib.sha256(token.encode()).hexdigest()


def refresh(conn, token, clock):
    now = datetime.fromtimestamp(time.time(), UTC)
    new = secrets.token_urlsafe(32)
    with conn.transaction():
        row = conn.execute(
            "SELECT t.family_id, t.used_at, t.expires_at, f.ends_at, f.revoked_at FROM refresh_tokens t "
            "JOIN families f ON f.id = t.family_id WHERE t.token_hash = %s FOR UPDATE OF t",
            [sha(token)],
        ).fetchone()
        good = row and not row[1] and not row[4] and min(row[2], row[3]).timestamp() > time.time()
        if good:
            conn.execute("UPDATE refresh_tokens SET used_at = %s WHERE token_hash = %s", [now, sha(token)])
            conn.execute(
                "INSERT INTO refresh_tokens VALUES (%s, %s, %s)", [sha(new), row[0], min(now + timedelta(days=30), row[3])]
            )
        elif row and row[1]:
            conn.execute("UPDATE families SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL", [now, row[0]])
    if not good:
        raise InvalidToken("log in again")
    return new
