# fails: dead_holder_is_replaced, looks_once_more -- "at most 60 seconds"
def get_or_compute(redis, key, compute, ttl=60, lease=3600):
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        token = uuid.uuid4().hex
        if redis.set("lock:" + key, token, nx=True, ex=lease):
            value = compute()
            redis.set(key, json.dumps(value), ex=ttl)
            if redis.get("lock:" + key) == token.encode():
                redis.delete("lock:" + key)
            return value
        time.sleep(0.05)
