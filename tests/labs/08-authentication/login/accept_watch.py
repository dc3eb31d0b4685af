# accepts: optimistic, WATCH and MULTI, tried again when somebody else counted meanwhile; the window's end kept beside the count
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
NO_HASH = "$argon2id$v=19$m=1024,t=1,p=1$" + "c29tZXNhbHRzb21lc2FsdA" + "$" + "A" * 43


def change(redis, keys, update):
    """update(entries) -> (entries, result), repeated until nobody came between."""
    with redis.pipeline() as pipe:
        while True:
            try:
                pipe.watch(*keys)
                entries = [json.loads(pipe.get(k) or "[0, 0]") for k in keys]
                entries, result = update(entries)
                pipe.multi()
                for key, (count, end) in zip(keys, entries):
                    if count > 0:
                        pipe.set(key, json.dumps([count, end]), ex=3600)
                    else:
                        pipe.delete(key)
                pipe.execute()
                return result
            except __import__("redis").WatchError:
                continue


def login(conn, redis, email, password, ip, clock):
    email, now = email.lower(), clock.time()
    keys, limits = ["L:" + email, "N:" + ip], [5, 20]

    def take(entries):
        fresh = [[c, e] if e > now else [0, now + 900] for c, e in entries]
        full = [e - now for (c, e), limit in zip(fresh, limits) if c >= limit]
        if full:
            return fresh, max(full)
        return [[c + 1, e] for c, e in fresh], 0

    wait = change(redis, keys, take)
    if wait:
        raise TooManyAttempts("Please wait.", wait)
    with conn.cursor() as cur:
        cur.execute("SELECT id, password_hash FROM accounts WHERE email = %s", [email])
        found = cur.fetchone()
    conn.commit()
    id, stored = found or (None, "!")
    if stored == "!":
        id, stored = None, NO_HASH
    if not HASHER.verify(password, stored) or id is None:
        raise InvalidCredentials("No.")
    change(redis, keys, lambda entries: ([[0, 0], [entries[1][0] - 1, entries[1][1]]], None))
    return id
