# fails: bounded_in_every_order -- "B went on 40 seconds later"
# The same with a timer: a change deletes at once, and a timer once more; one who loads for longer puts the old value back for five minutes.
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}

    def get(self, key):
        now = time.monotonic()
        if key in self.near and self.near[key][1] > now:
            return self.near[key][0]
        found = self.redis.get(key)
        if found is None:
            value = self.load(key)
            self.redis.set(key, value, ex=300)
        else:
            value = found.decode()
        self.near[key] = (value, now + 2)
        return value

    def changed(self, key):
        self.redis.delete(key)
        self.near.pop(key, None)
        threading.Timer(2.5, self.redis.delete, [key]).start()
