# fails: bounded_in_every_order -- "B went on 40 seconds later"
# A change leaves a tombstone of three seconds, fills are SET NX: a load slower than that fills the old value for five minutes.
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}
    def get(self, key):
        now = time.monotonic()
        if key in self.near and self.near[key][1] > now:
            return self.near[key][0]
        found = self.redis.get(key)
        if found is None or found == b"\0":
            value = self.load(key)
            if found is None:
                self.redis.set(key, value, nx=True, ex=300)
        else:
            value = found.decode()
        self.near[key] = (value, now + 2)
        return value
    def changed(self, key):
        self.redis.set(key, b"\0", ex=3)
        self.near.pop(key, None)
