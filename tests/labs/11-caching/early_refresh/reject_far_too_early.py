# fails: renewals_are_few -- "at most 12 computations"
# A claim, so never a crowd; but renewed as soon as a tenth of the lifetime is over.
def early_refresh(redis, key, compute, ttl=60):
    value, left = redis.get(key), redis.pttl(key)
    if value is not None and (left > 900 * ttl or not redis.set(key + ":claim", 1, nx=True, px=int(ttl * 20))):
        return value.decode()
    fresh = compute()
    redis.setex(key, int(ttl), fresh)
    return fresh
