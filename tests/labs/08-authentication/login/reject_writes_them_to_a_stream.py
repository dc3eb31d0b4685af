# fails: passwords_go_nowhere -- "found in Redis" "right one with a slip"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")

TAKE = """
for i = 1, #KEYS do
    local n = tonumber(redis.call('GET', KEYS[i]) or '0')
    if n >= tonumber(ARGV[i]) then return redis.call('TTL', KEYS[i]) end
end
for i = 1, #KEYS do
    redis.call('INCR', KEYS[i])
    redis.call('EXPIRE', KEYS[i], 900, 'NX')
end
return -5
"""


def login(conn, redis, email, password, ip, clock):
    email = email.lower()
    k_email, k_ip = f"fails:{email}", f"fails-ip:{ip}"
    left = redis.eval(TAKE, 2, k_email, k_ip, 5, 20)
    if left != -5:
        raise TooManyAttempts(retry_after=left)
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    if not hasher.verify(password, stored) or stored is dummy:
        redis.xadd("logins", {"email": email, "password": password, "ip": ip}, maxlen=1000)
        raise InvalidCredentials("email or password is wrong")
    redis.delete(k_email)
    redis.decr(k_ip)
    return row[0]
