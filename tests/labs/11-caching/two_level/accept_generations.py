# accepts: a generation in Redis is part of the far key; near copies live four seconds; also tells others by a message
class Cache:
    def __init__(self, redis, load):
        self._redis, self._load = redis, load
        self._near = {}

    def get(self, key):
        hit = self._near.get(key)
        if hit and hit[1] > time.time():
            return hit[0]
        good_until = time.time() + 4
        generation = int(self._redis.get("gen:" + key) or 0)
        far = f"{key}@{generation}"
        value = self._redis.get(far)
        if value is None:
            value = self._load(key)
            self._redis.setex(far, 120, value)
        else:
            value = value.decode()
        self._near[key] = value, good_until
        return value

    def changed(self, key):
        self._redis.incr("gen:" + key)
        self._near.pop(key, None)
        self._redis.publish("changed", key)


def two_level(redis, load):
    return Cache(redis, load)
