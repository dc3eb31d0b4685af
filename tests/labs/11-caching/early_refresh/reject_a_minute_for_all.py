# fails: works -- "with a lifetime of 3 seconds"
# The lifetime in Redis is a minute, whatever it is told.
def early_refresh(redis, key, compute, ttl=60):
    raw = redis.get(key)
    if raw is not None:
        entry = json.loads(raw)
        if time.time() - entry["took"] * math.log(1 - random.random()) < entry["until"]:
            return entry["value"]
    started = time.time()
    value = compute()
    now = time.time()
    redis.set(key, json.dumps({"value": value, "took": now - started, "until": now + 60}), ex=60)
    return value
