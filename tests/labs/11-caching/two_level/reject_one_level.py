# fails: near_hit_is_free -- "1 commands" "round trip every time"
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load = redis, load

    def get(self, key):
        raw = self.redis.get(key)
        if raw is None:
            raw = self.load(key).encode()
            self.redis.set(key, raw, ex=60)
        return raw.decode()

    def changed(self, key):
        self.redis.delete(key)
