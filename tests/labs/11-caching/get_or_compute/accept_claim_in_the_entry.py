# accepts: the claim stands where the value will be; filled only if it is still the own one
FILL = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end"


def get_or_compute(redis, key, compute, ttl=300, lease=15):
    mine = "?" + str(random.random())
    while True:
        if redis.set(key, mine, nx=True, ex=lease):
            value = compute()
            redis.eval(FILL, 1, key, mine, "=" + value, ttl)
            return value
        there = redis.get(key)
        if there is not None and there.startswith(b"="):
            return there[1:].decode()
        time.sleep(0.1)
