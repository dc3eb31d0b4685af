# fails: no_guess_too_many -- "where one was left" "reading the counter and writing"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")


def login(conn, redis, email, password, ip, clock):
    email = email.lower()
    k_email, k_ip = f"fails:{email}", f"fails-ip:{ip}"
    counts = [int(n or 0) for n in redis.mget(k_email, k_ip)]
    for key, n, limit in zip((k_email, k_ip), counts, (5, 20)):
        if n >= limit:
            raise TooManyAttempts(retry_after=redis.ttl(key))
    pipe = redis.pipeline()
    for key, n in zip((k_email, k_ip), counts):
        pipe.set(key, n + 1, **({"keepttl": True} if n else {"ex": 900}))
    pipe.execute()
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    if not hasher.verify(password, stored) or stored is dummy:
        raise InvalidCredentials("email or password is wrong")
    redis.delete(k_email)
    redis.decr(k_ip)
    return row[0]
