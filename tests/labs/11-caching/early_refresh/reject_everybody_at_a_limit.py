# fails: crowd_does_not_renew -- "30 did" "the stampede again"
# Perfect with one caller.
def early_refresh(redis, key, compute, ttl=60):
    cached = redis.get(key)
    if cached is not None and redis.ttl(key) > ttl * 0.25:
        return cached.decode()
    value = compute()
    redis.set(key, value, ex=int(ttl))
    return value
