# fails: nobody_elses_claim -- "a third caller found no claim" "need not be yours"
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        if redis.set("lock:" + key, 1, nx=True, ex=lease):
            try:
                cached = redis.get(key)
                if cached is not None:
                    return json.loads(cached)
                value = compute()
                redis.set(key, json.dumps(value), ex=ttl)
                return value
            finally:
                redis.delete("lock:" + key)
        time.sleep(0.02)
