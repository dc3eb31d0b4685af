# accepts: INCR and EXPIRE NX of both counters in one MULTI before anything else; a guess over the limit is taken back
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
DUMMY = HASHER.hash("correct horse battery staple")


def login(conn: psycopg.Connection, redis, email: str, password: str, ip: str, clock) -> int:
    email = email.lower()
    by_email = "attempts:" + hashlib.sha256(email.encode()).hexdigest()
    by_ip = "attempts-from:" + ip
    with redis.pipeline(transaction=True) as pipe:
        for key in (by_email, by_ip):
            pipe.incr(key)
            pipe.expire(key, 900, nx=True)
            pipe.ttl(key)
        n_email, _, ttl_email, n_ip, _, ttl_ip = pipe.execute()
    if n_email > 5 or n_ip > 20:
        with redis.pipeline(transaction=True) as pipe:
            pipe.decr(by_email)
            pipe.decr(by_ip)
            pipe.execute()
        raise TooManyAttempts(retry_after=max(ttl_email if n_email > 5 else 0, ttl_ip if n_ip > 20 else 0))

    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.commit()
    known = row is not None and row[1] != "!"
    if not HASHER.verify(password, row[1] if known else DUMMY) or not known:
        raise InvalidCredentials("unknown email or wrong password")
    with redis.pipeline(transaction=True) as pipe:
        pipe.delete(by_email)
        pipe.decr(by_ip)
        pipe.execute()
    return row[0]
