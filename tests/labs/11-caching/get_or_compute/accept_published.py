# accepts: losers subscribe and wait for the message that it is done, or for a second, and look again
def get_or_compute(redis, key, compute, ttl=60, lease=10):
    give_back = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    claim, token = f"{key}:claim", uuid.uuid4().hex
    while True:
        with redis.pubsub(ignore_subscribe_messages=True) as channel:
            cached = redis.get(key)
            if cached is not None:
                return cached.decode()
            if redis.set(claim, token, nx=True, ex=lease):
                try:
                    cached = redis.get(key)
                    if cached is not None:
                        return cached.decode()
                    value = compute()
                    redis.set(key, value, ex=ttl)
                    return value
                finally:
                    redis.eval(give_back, 1, claim, token)
                    redis.publish(f"{key}:done", "done")
            channel.subscribe(f"{key}:done")
            cached = redis.get(key)
            if cached is not None:
                return cached.decode()
            channel.get_message(timeout=1.0)
