# accepts: a claim with a token of the random module, drawn once a call; losers sleep and look again
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = str(random.random())
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        if redis.set(f"lock:{key}", token, nx=True, ex=lease):
            try:
                cached = redis.get(key)
                if cached is not None:
                    return json.loads(cached)
                value = compute()
                redis.set(key, json.dumps(value), ex=ttl)
                return value
            finally:
                redis.eval(RELEASE, 1, f"lock:{key}", token)
        time.sleep(0.05)
