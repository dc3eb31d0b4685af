# fails: bounded_in_every_order -- "B went on 40 seconds later"
# Deletes, and once more three seconds later ("delayed double delete"): a slower load fills the old value for five minutes; so does a killed process.
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
        self.near[key] = (value, now + 1)
        return value
    def changed(self, key):
        self.redis.delete(key)
        self.near.pop(key, None)
        def again():
            time.sleep(3)
            self.redis.delete(key)
        threading.Thread(target=again, daemon=True).start()
