# accepts: fills only under its own marker; besides, a timer removes value and marker once more a second after a change
class two_level:
    STORE = "if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', 120) end"

    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        now = time.monotonic()
        value, until = self.near.get(key, ("", now))
        if now < until:
            return value
        found = self.redis.get(f"value:{key}")
        if found is not None:
            value = found.decode()
        else:
            marker = uuid.uuid4().hex
            self.redis.set(f"marker:{key}", marker, ex=60)
            value = self.load(key)
            self.redis.eval(self.STORE, 2, f"value:{key}", f"marker:{key}", marker, value)
        self.near[key] = value, now + 3
        return value

    def remove(self, key):
        self.redis.delete(f"value:{key}", f"marker:{key}")

    def changed(self, key):
        self.remove(key)
        self.near.pop(key, None)
        threading.Timer(1.0, self.remove, [key]).start()
