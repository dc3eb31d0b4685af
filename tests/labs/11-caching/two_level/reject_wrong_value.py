# fails: right_value -- "of a key that nobody changed"
# Returns what Redis returns, and on a miss what SET returns.
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        if key not in self.near:
            self.near[key] = self.redis.get(key) or self.redis.set(key, self.load(key), ex=60)
        return self.near[key]

    def changed(self, key):
        self.redis.delete(key)
        self.near.pop(key, None)
