# fails: never_runs_out -- "it had run out" "lets all who come meanwhile wait"
def early_refresh(redis, key, compute, ttl=60):
    cached = redis.get(key)
    if cached is not None:
        return cached.decode()
    value = compute()
    redis.set(key, value, ex=int(ttl))
    return value
