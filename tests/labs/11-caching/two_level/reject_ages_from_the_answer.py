# fails: bounded_in_every_order -- "without a question to Redis" "as old as the question"
# Its own copy is kept for five seconds from the moment at which the answer was there, and what was loaded is older than that.
class two_level:
    FILL = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', 60) end"

    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        value, until = self.near.get(key, ("", 0))
        if time.monotonic() < until:
            return value
        entry = self.redis.get("l2:" + key)
        if entry is not None and entry[:1] == b"=":
            value = entry[1:].decode()
        else:
            marker = uuid.uuid4().hex
            mine = self.redis.set("l2:" + key, marker, nx=True, ex=10)
            value = self.load(key)
            if mine:
                self.redis.eval(self.FILL, 1, "l2:" + key, marker, "=" + value)
        self.near[key] = (value, time.monotonic() + 5)
        return value

    def changed(self, key):
        self.redis.delete("l2:" + key)
        self.near.pop(key, None)
