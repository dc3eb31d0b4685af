# fails: far_hit_loads_nothing -- "loaded it again"
# Bounds staleness by hardly caching at all.
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        value, until = self.near.get(key, (None, 0))
        if value is not None and time.monotonic() < until:
            return value
        raw = self.redis.get(key)
        if raw is None:
            value = self.load(key)
            self.redis.set(key, value, ex=3)
        else:
            value = raw.decode()
        self.near[key] = (value, time.monotonic() + 2)
        return value

    def changed(self, key):
        self.redis.delete(key)
        self.near.pop(key, None)
