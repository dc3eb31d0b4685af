# fails: right_value -- "eight"
class two_level:
    STORE = "if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end"
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, ("", 0.0)
    def get(self, key):
        value, until = self.near
        if time.monotonic() < until:
            return value
        until = time.monotonic() + 3
        found = self.redis.get("it")
        if found is not None:
            value = found.decode()
        else:
            marker = uuid.uuid4().hex
            self.redis.set("it:loading", marker, ex=30)
            value = self.load(key)
            self.redis.eval(self.STORE, 2, "it", "it:loading", marker, value, 300)
        self.near = (value, until)
        return value
    def changed(self, key):
        self.redis.delete("it", "it:loading")
        self.near = ("", 0.0)
