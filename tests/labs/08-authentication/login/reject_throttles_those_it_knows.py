# fails: same_reply, account_is_throttled -- "nobody, a wrong password" "throttling tells which exist"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")


def check(conn, email, password):
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    ok = hasher.verify(password, stored) and stored is not dummy
    return row[0] if ok else None


def login(conn, redis, email, password, ip, clock):
    email = email.lower()
    limits = {f"fails:{email}": 5, f"fails-ip:{ip}": 20}
    for key, limit in limits.items():
        if int(redis.get(key) or 0) >= limit:
            raise TooManyAttempts(retry_after=redis.ttl(key))
    account = check(conn, email, password)
    if account is None:
        known = conn.execute("SELECT 1 FROM accounts WHERE email = %s", (email,)).fetchone()
        for key in limits if known else [f"fails-ip:{ip}"]:
            with redis.pipeline() as pipe:
                pipe.incr(key)
                pipe.expire(key, 900, nx=True)
                pipe.execute()
        raise InvalidCredentials("email or password is wrong")
    redis.delete(f"fails:{email}")
    return account
