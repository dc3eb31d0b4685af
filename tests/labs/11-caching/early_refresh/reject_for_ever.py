# fails: works -- "stays for ever"
# Only the end in the value counts; Redis keeps everything.
def early_refresh(redis, key, compute, ttl=60):
    raw = redis.get(key)
    if raw:
        value, took, until = json.loads(raw)
        if time.time() - took * math.log(1 - random.random()) < until:
            return value
    started = time.time()
    value = compute()
    redis.set(key, json.dumps([value, time.time() - started, time.time() + ttl]))
    return value
