# accepts: a thread listens for changes and forgets at once; what it misses runs out after four seconds; a generation is part of the far key
class two_level:
    def __init__(self, redis, load):
        self.redis, self.load, self.near = redis, load, {}
        self.messages = redis.pubsub(ignore_subscribe_messages=True)
        self.messages.subscribe("changed")
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for message in self.messages.listen():
                self.near.pop(message["data"].decode(), None)
        except Exception:
            pass  # what is near runs out by itself

    def get(self, key):
        now = time.monotonic()
        value, until = self.near.get(key, ("", now))
        if now < until:
            return value
        generation = (self.redis.get(f"generation:{key}") or b"0").decode()
        found = self.redis.get(f"{key}@{generation}")
        if found is None:
            value = self.load(key)
            self.redis.set(f"{key}@{generation}", value, ex=300)
        else:
            value = found.decode()
        self.near[key] = value, now + 4
        return value

    def changed(self, key):
        self.redis.incr(f"generation:{key}")
        self.near.pop(key, None)
        self.redis.publish("changed", key)
