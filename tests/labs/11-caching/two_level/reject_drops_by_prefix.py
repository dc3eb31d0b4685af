# fails: others_stay -- "after changed(" "product:70" "begins alike"
# Whatever begins with the key goes: its marker, and the entries of ten other products.
FILL = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2], 'EX', 60) end return 1"


class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        value, until = self.near.get(key, (None, 0))
        if value is not None and time.monotonic() < until:
            return value
        until = time.monotonic() + 3
        raw = self.redis.get(key)
        if raw is not None:
            value = raw.decode()
        else:
            marker = uuid.uuid4().hex
            self.redis.set(f"{key}:filling", marker, ex=30)
            value = self.load(key)
            self.redis.eval(FILL, 2, f"{key}:filling", key, marker, value)
        self.near[key] = (value, until)
        return value

    def changed(self, key):
        belongs = list(self.redis.scan_iter(f"{key}*"))
        if belongs:
            self.redis.delete(*belongs)
        self.near.pop(key, None)
