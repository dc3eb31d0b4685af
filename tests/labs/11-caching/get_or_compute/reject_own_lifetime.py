# fails: answers -- "after four fifths of its 90 seconds"
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    claim, token = "KEY:claim", uuid.uuid4().hex
    give_back = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    where = key
    while True:
        cached = redis.get(where)
        if cached is not None:
            return cached.decode()
        if redis.set(claim.replace("KEY", key), token, nx=True, ex=lease):
            try:
                cached = redis.get(where)
                if cached is not None:
                    return cached.decode()
                value = compute()
                redis.set(where, value, ex=5)
                return value
            finally:
                redis.eval(give_back, 1, claim.replace("KEY", key), token)
        time.sleep(0.05)
