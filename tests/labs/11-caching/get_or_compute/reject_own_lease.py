# fails: dead_holder_is_replaced -- "lease=6"
# Half a minute, whatever it is told.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    while True:
        cached = redis.get(key)
        if cached is not None:
            return json.loads(cached)
        token = uuid.uuid4().hex
        if redis.set(f"lock:{key}", token, nx=True, ex=30):
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
