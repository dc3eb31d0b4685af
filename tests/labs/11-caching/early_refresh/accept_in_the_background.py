# accepts: a thread renews what is in its last quarter, one in all processes by a claim; callers never wait for it
def early_refresh(redis, key, compute, ttl=60):
    def renew():
        try:
            redis.set(key, json.dumps([compute(), time.time() + ttl]), ex=int(ttl))
        finally:
            redis.delete(key + ":claim")

    raw = redis.get(key)
    if raw is None:
        renew()
        return json.loads(redis.get(key))[0]
    value, until = json.loads(raw)
    if until - time.time() < ttl / 4 and redis.set(key + ":claim", "x", nx=True, ex=int(ttl)):
        threading.Thread(target=renew, daemon=True).start()
    return value
