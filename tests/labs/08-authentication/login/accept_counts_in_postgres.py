# accepts: a log of failures in a table of its own; attempts for one email or from one address wait in line by advisory locks
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
DUMMY = HASHER.hash("the hash of nobody")
LOG = """
CREATE TABLE IF NOT EXISTS login_failures (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    ip    text NOT NULL,
    at    timestamptz NOT NULL
)
"""


def login(conn, redis, email, password, ip, clock):
    email, now = email.lower(), clock.now()
    oldest = now - timedelta(minutes=15)
    with conn.transaction():
        for lock in sorted(["email " + email, "ip " + ip]):
            conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
        if conn.execute("SELECT to_regclass('login_failures')").fetchone()[0] is None:
            conn.execute(LOG)
        for column, value, limit in (("email", email, 5), ("ip", ip, 20)):
            failed = conn.execute(
                f"SELECT at FROM login_failures WHERE {column} = %s AND at > %s ORDER BY at DESC LIMIT %s",
                [value, oldest, limit],
            ).fetchall()
            if len(failed) == limit:
                raise TooManyAttempts(retry_after=(failed[-1][0] - oldest).total_seconds())
        row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", [email]).fetchone()
        usable = row is not None and row[1] != "!"
        right = HASHER.verify(password, row[1] if usable else DUMMY) and usable
        if right:
            conn.execute("DELETE FROM login_failures WHERE email = %s", [email])
        else:
            conn.execute("INSERT INTO login_failures (email, ip, at) VALUES (%s, %s, %s)", [email, ip, now])
    if not right:
        raise InvalidCredentials("Email or password is wrong!")
    return row[0]
