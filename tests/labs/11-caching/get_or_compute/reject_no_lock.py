# fails: one_computation -- "50 computations" "concludes that the work is his"
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    cached = redis.get(key)
    if cached is not None:
        return json.loads(cached)
    value = compute()
    redis.set(key, json.dumps(value), ex=ttl)
    return value
