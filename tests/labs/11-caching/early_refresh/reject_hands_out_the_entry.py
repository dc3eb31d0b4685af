# fails: works -- "the value that compute() returns"
# On a hit it returns what stands in Redis, with everything around the value.
def early_refresh(redis, key, compute, ttl=60, beta=1.0):
    raw = redis.get(key)
    if raw is not None:
        entry = json.loads(raw)
        if time.time() - entry["took"] * beta * math.log(1 - random.random()) < entry["until"]:
            return raw.decode()
    started = time.time()
    value = compute()
    now = time.time()
    redis.set(key, json.dumps({"value": value, "took": now - started, "until": now + ttl}), px=int(ttl * 1000))
    return value
