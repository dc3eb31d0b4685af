# fails: nobody_is_locked_out_for_ever, address_is_throttled -- "TooManyAttempts" "dies between the two"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")


def login(conn, redis, email, password, ip, clock):
    email = email.lower()
    k_email, k_ip = f"fails:{email}", f"fails-ip:{ip}"
    for key, limit in ((k_email, 5), (k_ip, 20)):
        n = redis.incr(key)
        if n == 1:
            redis.expire(key, 15 * 60)
        if n > limit:
            raise TooManyAttempts(retry_after=redis.ttl(key))
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    if not hasher.verify(password, stored) or stored is dummy:
        raise InvalidCredentials("email or password is wrong")
    redis.delete(k_email)
    redis.decr(k_ip)
    return row[0]
