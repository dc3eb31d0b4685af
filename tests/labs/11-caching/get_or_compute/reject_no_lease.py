# fails: dead_holder_is_replaced -- "has no expiry" "when the owner is killed"
# try/finally gives the lock back, whatever the code does; not what is done to the process.
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        if redis.setnx("lock:" + key, 1):
            try:
                cached = redis.get(key)
                if cached is not None:
                    return json.loads(cached)
                value = compute()
                redis.set(key, json.dumps(value), ex=ttl)
                return value
            finally:
                redis.delete("lock:" + key)
        time.sleep(0.05)
