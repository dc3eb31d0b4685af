# fails: works -- "1 computation for two calls"
def early_refresh(redis, key, compute, ttl=60):
    value = compute()
    redis.set(key, value, ex=int(ttl))
    return value
