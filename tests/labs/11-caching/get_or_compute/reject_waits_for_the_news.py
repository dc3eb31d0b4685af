# fails: dead_holder_is_replaced -- "nobody did"
# Who waits listens for the news for as long as the claim is there to be seen; who dies after storing and before telling leaves them waiting for an hour.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = uuid.uuid4().hex
    while True:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if redis.set(f"claim:{key}", token, nx=True, ex=lease):
            break
        told = redis.blpop([f"news:{key}"], timeout=3600)
        if told:
            redis.rpush(f"news:{key}", told[1])
            redis.expire(f"news:{key}", lease)
            return told[1].decode()
    try:
        found = redis.get(key)
        if found is None:
            found = compute().encode()
            redis.set(key, found, ex=ttl)
        redis.delete(f"news:{key}")
        with redis.pipeline() as pipe:
            pipe.rpush(f"news:{key}", found)
            pipe.expire(f"news:{key}", lease)
            pipe.execute()
        return found.decode()
    finally:
        redis.eval(RELEASE, 1, f"claim:{key}", token)
