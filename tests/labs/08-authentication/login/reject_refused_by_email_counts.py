# fails: success_forgives_its_own -- "must not lock out its office"
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)  # as the stored hashes: cheap, for the check
# The script counts a guess before it is made, and gives each counter its end with its first count, in one step of the
# server; a sliding log in a sorted set is exacter and larger, and a lock around the whole is as right and slower.
TAKE = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[i]) then return {0, redis.call('PTTL', key)} end
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[3]) end
end
return {1, 0}
"""
GIVE_BACK = """
redis.call('DEL', KEYS[1])
if tonumber(redis.call('GET', KEYS[2]) or 0) > 0 then redis.call('DECR', KEYS[2]) end
"""
NOBODY = HASHER.hash(secrets.token_urlsafe(16))  # to compare with where there is no hash


def login(conn: psycopg.Connection, redis, email: str, password: str, ip: str, clock) -> int:
    """The id of the account. Raises InvalidCredentials, or TooManyAttempts with its retry_after in seconds."""
    email = email.lower()
    counters = [f"login:failed:email:{email}", f"login:failed:ip:{ip}"]
    allowed, left = redis.eval(TAKE, 2, *counters[::-1], 20, 5, 15 * 60)
    if not allowed:
        raise TooManyAttempts(retry_after=left / 1000)
    with conn.transaction():
        row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", [email]).fetchone()
    usable = row is not None and HASHER.identify(row[1])
    matches = HASHER.verify(password, row[1] if usable else NOBODY)
    if not (usable and matches):
        raise InvalidCredentials("Email or password is wrong.")
    redis.eval(GIVE_BACK, 2, *counters)
    return row[0]


