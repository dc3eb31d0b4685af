# accepts: waits between two looks for an event that nobody sets, with a time limit, as programs do that can be stopped
# One who waits asks whether the program is stopped twenty times a second, and looks into Redis after that.
stopped = threading.Event()
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    token = uuid.uuid4().hex
    while not stopped.is_set():
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if not redis.set(f"claim:{key}", token, nx=True, ex=lease):
            stopped.wait(0.05)
            continue
        try:
            found = redis.get(key)
            if found is not None:
                return found.decode()
            value = compute()
            redis.set(key, value, ex=ttl)
            return value
        finally:
            redis.eval(RELEASE, 1, f"claim:{key}", token)
    raise RuntimeError("the program is stopped")
