# accepts: a log of failures in sorted sets, entered before the password is looked at, taken back where it was none
class Denied(Exception):
    pass


class SlowDown(Exception):
    def __init__(self, retry_after):
        super().__init__("slow down")
        self.retry_after = retry_after


_ph = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
ENTER = """
local now, id = tonumber(ARGV[1]), ARGV[2]
local wait = 0
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 900)
    local limit = tonumber(ARGV[2 + i])
    if redis.call('ZCARD', key) >= limit then
        local first = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')
        wait = math.max(wait, math.ceil(tonumber(first[2]) + 900 - now))
    end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
    redis.call('ZADD', key, now, id)
    redis.call('EXPIRE', key, 1800)
end
return 0
"""


def login(conn, redis, email, password, ip, clock):
    who = email.casefold()
    me = uuid.uuid4().hex
    enter = redis.register_script(ENTER)
    wait = enter(keys=["fail:e:" + who, "fail:i:" + ip], args=[clock.time(), me, 5, 20])
    if wait:
        raise SlowDown(wait)
    cur = conn.cursor(row_factory=dict_row)
    account = cur.execute("SELECT * FROM accounts WHERE email = %s", (who,)).fetchone()
    conn.rollback()
    stored = account["password_hash"] if account else ""
    if stored.startswith("$argon2"):
        try:
            _ph.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            raise Denied("email or password is wrong") from None
    else:
        _ph.hash(password)  # the same work for nothing
        raise Denied("email or password is wrong")
    pipe = redis.pipeline()
    pipe.delete("fail:e:" + who)
    pipe.zrem("fail:i:" + ip, me)
    pipe.execute()
    return account["id"]
