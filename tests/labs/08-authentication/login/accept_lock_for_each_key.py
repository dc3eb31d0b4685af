# accepts: attempts for one email, and from one address, one after the other by advisory locks; simple counters; clumsy
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


def _wait_in_line(conn, email, ip):
    for name in ("email " + email, "ip " + ip):
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 8))", [name])


def _state(redis, key, limit):
    count = int(redis.get(key) or 0)
    return count, (redis.ttl(key) if count >= limit else 0)


def _bump(redis, key, count):
    if count == 0:
        redis.set(key, 1, ex=900)
    else:
        redis.set(key, count + 1, keepttl=True)


def login(conn, redis, email, password, ip, clock):
    email = email.lower()
    e_key, i_key = f"login/email/{email}", f"login/ip/{ip}"
    try:
        _wait_in_line(conn, email, ip)
        e_count, e_wait = _state(redis, e_key, 5)
        i_count, i_wait = _state(redis, i_key, 20)
        if e_wait or i_wait:
            raise TooManyAttempts("try later", retry_after=float(max(e_wait, i_wait)))
        row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", [email]).fetchone()
        phc = row[1] if row and row[1] != "!" else None
        ok = False
        if phc is None:
            Argon2id(salt=secrets.token_bytes(16), length=32, iterations=1, lanes=1, memory_cost=1024).derive(
                password.encode()
            )
        else:
            try:
                Argon2id.verify_phc_encoded(password.encode(), phc)
                ok = True
            except InvalidKey:
                pass
        if not ok:
            _bump(redis, e_key, e_count)
            _bump(redis, i_key, i_count)
            raise InvalidCredentials("wrong email or password")
        redis.delete(e_key)
        return row[0]
    finally:
        conn.rollback()
