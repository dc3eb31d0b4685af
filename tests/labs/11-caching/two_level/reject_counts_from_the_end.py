# fails: bounded_in_every_order -- "process B is told" "as old as the question"
# Four seconds, counted from when the value is there: a slow load has read it long before.
FILL = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2], 'EX', 60) end return 1"


class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        value, until = self.near.get(key, (None, 0))
        if value is not None and time.monotonic() < until:
            return value
        raw = self.redis.get(key)
        if raw is not None:
            value = raw.decode()
        else:
            marker = uuid.uuid4().hex
            self.redis.set(f"{key}:filling", marker, ex=30)
            value = self.load(key)
            self.near[key] = (value, time.monotonic() + 4)
            self.redis.eval(FILL, 2, f"{key}:filling", key, marker, value)
            return value
        self.near[key] = (value, time.monotonic() + 4)
        return value

    def changed(self, key):
        self.redis.delete(key, f"{key}:filling")
        self.near.pop(key, None)
