# fails: one_computation -- "2 computations" "not the other processes"
# Passes any test that runs in one process.
lock = threading.Lock()


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    cached = redis.get(key)
    if cached is None:
        with lock:
            cached = redis.get(key)
            if cached is None:
                cached = json.dumps(compute())
                redis.set(key, cached, ex=ttl)
    return json.loads(cached)
