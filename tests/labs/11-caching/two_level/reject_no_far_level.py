# fails: far_hit_loads_nothing -- "process B loaded it again"
class two_level:
    def __init__(self, redis, load):
        self.load, self.near = load, {}

    def get(self, key):
        if key not in self.near or self.near[key][1] < time.monotonic():
            self.near[key] = (self.load(key), time.monotonic() + 4)
        return self.near[key][0]

    def changed(self, key):
        self.near.pop(key, None)
