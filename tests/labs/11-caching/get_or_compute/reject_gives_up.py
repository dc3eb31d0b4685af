# fails: one_computation -- "all 50 callers get the value" "returned None"
# One computes, and the others are sent away with nothing.
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    cached = redis.get(key)
    if cached is not None:
        return json.loads(cached)
    if not redis.set("lock:" + key, "x", nx=True, ex=lease):
        return None
    value = compute()
    redis.set(key, json.dumps(value), ex=ttl)
    redis.delete("lock:" + key)
    return value
