# fails: works -- "under another key another value"
def early_refresh(redis, key, compute, ttl=60):
    raw = redis.get("early")
    if raw is not None:
        entry = json.loads(raw)
        if time.time() - entry["took"] * math.log(1 - random.random()) < entry["until"]:
            return entry["value"]
    started = time.time()
    value = compute()
    now = time.time()
    redis.set("early", json.dumps({"value": value, "took": now - started, "until": now + ttl}), px=int(ttl * 1000))
    return value
