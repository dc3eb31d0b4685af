# fails: renewals_are_few -- "computations in" "spare"
# A die, but one that does not know how near the end is.
def early_refresh(redis, key, compute, ttl=60):
    cached = redis.get(key)
    if cached is not None and (redis.ttl(key) >= ttl or random.random() > 0.3):
        return cached.decode()
    value = compute()
    redis.set(key, value, ex=int(ttl))
    return value
