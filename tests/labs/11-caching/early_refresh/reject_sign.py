# fails: never_runs_out -- "it had run out"
# The logarithm of a number below one is negative: this renews later, not earlier.
def early_refresh(redis, key, compute, ttl=60):
    raw = redis.get(key)
    if raw:
        value, took, until = json.loads(raw)
        if time.time() + took * math.log(1 - random.random()) < until:
            return value
    started = time.time()
    value = compute()
    redis.set(key, json.dumps([value, time.time() - started, time.time() + ttl]), ex=int(ttl))
    return value
