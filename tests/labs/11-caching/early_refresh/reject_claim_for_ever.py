# fails: claims_run_out -- "has no expiry" "while it stands nobody renews"
# One renews, by a claim that it gives back itself: killed while it computes, it keeps it for ever.
def early_refresh(redis, key, compute, ttl=60):
    value, left = redis.get(key), redis.pttl(key)
    if value is not None and (left > 200 * ttl or not redis.setnx(key + ":renewing", 1)):
        return value.decode()
    try:
        fresh = compute()
        redis.set(key, fresh, px=int(ttl * 1000))
        return fresh
    finally:
        redis.delete(key + ":renewing")
