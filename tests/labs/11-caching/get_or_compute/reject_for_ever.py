# fails: answers -- "stays for ever"
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        if redis.set("lock:" + key, 1, nx=True, ex=lease):
            value = compute()
            redis.set(key, json.dumps(value))
            return value
        time.sleep(0.02)
