# fails: dead_holder_is_replaced -- "about to EXPIRE" "has no expiry"
# The claim is taken with SETNX and gets its lease with EXPIRE: who dies between the two leaves a claim for ever.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = uuid.uuid4().hex
    while True:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if redis.setnx(f"claim:{key}", token):
            redis.expire(f"claim:{key}", lease)
            break
        time.sleep(0.05)
    try:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        value = compute()
        redis.set(key, value, ex=ttl)
        return value
    finally:
        redis.eval(RELEASE, 1, f"claim:{key}", token)
