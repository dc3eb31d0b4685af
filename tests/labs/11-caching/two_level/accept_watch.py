# accepts: an optimistic transaction over a version key decides whether what was loaded may be stored
class two_level:
    def __init__(self, redis, load, near_for=2.0):
        self.redis, self.load, self.near_for, self.near = redis, load, near_for, {}
        self.lock = threading.Lock()

    def get(self, key):
        with self.lock:
            hit = self.near.get(key)
        if hit is not None and hit[1] > time.monotonic():
            return hit[0]
        started = time.monotonic()
        cached = self.redis.get("far:" + key)
        if cached is None:
            with self.redis.pipeline() as pipe:
                pipe.watch("version:" + key)
                value = self.load(key)
                pipe.multi()
                pipe.set("far:" + key, value, ex=300)
                try:
                    pipe.execute()
                except RedisError:
                    pass
        else:
            value = cached.decode()
        with self.lock:
            self.near[key] = (value, started + self.near_for)
        return value

    def invalidate(self, key):
        with self.redis.pipeline() as pipe:
            pipe.incr("version:" + key).delete("far:" + key).execute()
        with self.lock:
            self.near.pop(key, None)
