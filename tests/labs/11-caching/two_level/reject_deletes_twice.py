# fails: bounded_in_every_order -- "B went on 40 seconds later"
# A change deletes at once, and once more a second later from a thread of its own, for those who were loading the old value; one who takes longer puts it back for five minutes.
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
        threading.Thread(target=self.once_more, args=[key], daemon=True).start()

    def once_more(self, key):
        time.sleep(2.5)
        self.redis.delete(key)
