# fails: bounded_in_every_order -- "when B changed the value once more"
# changed() loads the new value and puts it into Redis: of two changes at once the older one may be the last to write.
class two_level:
    NEAR = 3.0  # seconds in this process
    FAR = 120  # seconds in Redis
    ROOM = 10_000
    FILL = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return 1
    """

    def __init__(self, redis, load):
        self.redis, self.load = redis, load
        self.near, self.changes, self.lock = {}, {}, threading.Lock()

    def get(self, key: str) -> str:
        asked = time.monotonic()  # what is read from here on is at least as new as this
        with self.lock:
            value, until = self.near.get(key, (None, 0.0))
            if asked < until:
                return value
            seen = self.changes.get(key, 0)
        value = self._far(key)
        with self.lock:
            if self.changes.get(key, 0) == seen:
                if len(self.near) >= self.ROOM:
                    self.near.clear()
                self.near[key] = value, asked + self.NEAR
        return value

    def _far(self, key):
        name, marker = f"two-level:1:{key}", "?" + uuid.uuid4().hex
        entry = self.redis.get(name)
        if entry is not None and entry.startswith(b"="):
            return entry[1:].decode()
        mine = entry is None and self.redis.set(name, marker, nx=True, ex=30)
        value = self.load(key)
        if mine:
            self.redis.eval(self.FILL, 1, name, marker, "=" + value, self.FAR)
        return value

    def changed(self, key: str) -> None:
        try:
            self.redis.set(f"two-level:1:{key}", "=" + self.load(key), ex=self.FAR)
        finally:
            with self.lock:
                self.changes[key] = self.changes.get(key, 0) + 1
                self.near.pop(key, None)
