# fails: others_stay -- "after changed(" "empties the cache"
# One generation for all: every change of anything empties the whole cache.
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        value, until = self.near.get(key, (None, 0))
        if value is not None and time.monotonic() < until:
            return value
        until = time.monotonic() + 4
        generation = int(self.redis.get("generation") or 0)
        raw = self.redis.get(f"{key}@{generation}")
        if raw is None:
            value = self.load(key)
            self.redis.set(f"{key}@{generation}", value, ex=120)
        else:
            value = raw.decode()
        self.near[key] = (value, until)
        return value

    def changed(self, key):
        self.redis.incr("generation")
        self.near.clear()
