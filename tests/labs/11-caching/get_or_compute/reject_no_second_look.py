# fails: looks_once_more -- "one had missed" "was about to SET"
# Whoever gets the claim computes, also when another one has computed and given the claim back since he looked.
RELEASE = redis_release = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = str(uuid.uuid4())
    while True:
        value = redis.get(key)
        if value is not None:
            return value.decode()
        if redis.set(key + ":lock", token, nx=True, ex=lease):
            try:
                value = compute()
                redis.set(key, value, ex=ttl)
                return value
            finally:
                redis.eval(RELEASE, 1, key + ":lock", token)
        time.sleep(0.05)
