# fails: ends_in_time, nobody_is_locked_out_for_ever -- "ada, the right password" "your machine's clock"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("nobody has this password")
ENTER = """
local wait = 0
for i = 1, 2 do
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', '(' .. (ARGV[1] - 900))
    if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[2 + i]) then
        wait = math.max(wait, math.ceil(redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2] + 900 - ARGV[1]))
    end
end
if wait > 0 then return wait end
for i = 1, 2 do
    redis.call('ZADD', KEYS[i], ARGV[1], ARGV[2])
end
return 0
"""


def login(conn, redis, email, password, ip, clock):
    now, me = datetime.now(UTC).timestamp(), secrets.token_hex(8)
    keys = ["email:" + email.lower(), "ip:" + ip]
    wait = redis.eval(ENTER, 2, *keys, now, me, 5, 20)
    if wait:
        raise TooManyAttempts(retry_after=wait)
    row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email.lower(),)).fetchone()
    conn.rollback()
    stored = row[1] if row and row[1] != "!" else dummy
    if not hasher.verify(password, stored) or stored is dummy:
        raise InvalidCredentials("email or password is wrong")
    redis.delete(keys[0])
    redis.zrem(keys[1], me)
    return row[0]
