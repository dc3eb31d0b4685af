# accepts: in the last fifth of the lifetime one caller takes a claim and renews, the others go on with what there is
def early_refresh(redis, key, compute, ttl=60):
    value, left = redis.get(key), redis.pttl(key)
    if value is not None and (left > 200 * ttl or not redis.set(key + ":renewing", 1, nx=True, px=int(ttl * 200))):
        return value.decode()
    fresh = compute()
    redis.setex(key, int(ttl), fresh)
    return fresh
