# fails: slow_compute_is_not_doubled, dead_holder_is_replaced -- "loses patience"
# Looks a hundred times, which is five seconds, and then computes without a claim.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = uuid.uuid4().hex
    for _ in range(100):
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if redis.set(f"claim:{key}", token, nx=True, ex=lease):
            break
        time.sleep(0.05)
    else:
        return compute()
    try:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        value = compute()
        redis.set(key, value, ex=ttl)
        return value
    finally:
        redis.eval(RELEASE, 1, f"claim:{key}", token)
