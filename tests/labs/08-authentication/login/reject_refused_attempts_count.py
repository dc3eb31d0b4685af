# fails: ends_in_time, success_forgives_its_own -- "ada, the right password" "attempts that were refused"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")


def enter(redis, key, limit, now):
    member = secrets.token_hex(8)
    with redis.pipeline() as pipe:
        pipe.zremrangebyscore(key, 0, now - 900)
        pipe.zadd(key, {member: now})
        pipe.zrange(key, -limit - 1, -limit - 1, withscores=True)
        pipe.expire(key, 900)
        before = pipe.execute()[2]
    if before:
        first = redis.zrange(key, 0, 0, withscores=True)[0][1]
        raise TooManyAttempts(retry_after=first + 900 - now)
    return member


def login(conn, redis, email, password, ip, clock):
    email, now = email.lower(), clock.time()
    mine = enter(redis, "ip:" + ip, 20, now)
    enter(redis, "email:" + email, 5, now)
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    if not hasher.verify(password, stored) or stored is dummy:
        raise InvalidCredentials("email or password is wrong")
    redis.delete("email:" + email)
    redis.zrem("ip:" + ip, mine)
    return row[0]
