# fails: claims_run_out -- "stays for another 3,600 seconds"
# The claim has an expiry, far beyond the lifetime of what it is about.
def early_refresh(redis, key, compute, ttl=60):
    value, left = redis.get(key), redis.pttl(key)
    if value is not None and (left > 200 * ttl or not redis.set(key + ":renewing", 1, nx=True, ex=3600)):
        return value.decode()
    try:
        fresh = compute()
        redis.set(key, fresh, px=int(ttl * 1000))
        return fresh
    finally:
        redis.delete(key + ":renewing")
