# fails: ends_in_time -- "a retry_after of 540" "retry_after is 900"
# says when the limit of the email ends, also where it is the network address that is refused
import hashlib
import secrets
from contextlib import suppress

import psycopg
from grader.shop.errors import InvalidCredentials, TooManyAttempts
from pwdlib.hashers.argon2 import Argon2Hasher

HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
NOBODY = HASHER.hash(secrets.token_hex(16))
WINDOW_MS = 15 * 60 * 1000
PER_EMAIL, PER_IP = 5, 20

RESERVE = """
local wait = -1
for i = 1, 2 do
    if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[i]) then
        wait = math.max(wait, redis.call('PTTL', KEYS[1]))
        if wait < 0 then wait = 900000 end
    end
end
if wait >= 0 then return wait end
for i = 1, 2 do
    redis.call('INCR', KEYS[i])
    redis.call('PEXPIRE', KEYS[i], ARGV[3], 'NX')
end
return -1
"""
RELEASE = """
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 and redis.call('DECR', KEYS[2]) <= 0 then
    redis.call('DEL', KEYS[2])
end
"""


def _keys(email, ip):
    digest = hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()
    return f"login:failures:email:{digest}", f"login:failures:ip:{ip}"


def login(conn: psycopg.Connection, redis, email: str, password: str, ip: str, clock) -> int:
    email = email.lower()
    keys = _keys(email, ip)
    wait = redis.eval(RESERVE, 2, *keys, PER_EMAIL, PER_IP, WINDOW_MS)
    if wait >= 0:
        error = TooManyAttempts("too many attempts")
        error.retry_after = wait / 1000
        raise error

    row = None
    with suppress(psycopg.DataError, UnicodeError):
        row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    account_id, stored = row or (None, NOBODY)
    usable = stored.startswith("$argon2")
    matches = HASHER.verify(password.encode("utf-8", "surrogatepass"), stored if usable else NOBODY)
    if account_id is None or not usable or not matches:
        raise InvalidCredentials("wrong email or password")
    redis.eval(RELEASE, 2, *keys)
    return account_id
