# accepts: a claim of four seconds at most, which a thread renews for as long as the work takes
# Who dies is missed after four seconds, not only when the whole lease is over.
CLAIM = 4
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0"
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    claim, token, seconds = f"claim:{key}", uuid.uuid4().hex, min(CLAIM, lease)
    while True:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if redis.set(claim, token, nx=True, ex=seconds):
            break
        time.sleep(0.1)
    done = threading.Event()

    def renew():
        while not done.wait(seconds / 4):
            redis.eval(RENEW, 1, claim, token, seconds)

    beat = threading.Thread(target=renew, daemon=True)
    beat.start()
    try:
        found = redis.get(key)
        if found is None:
            found = compute().encode()
            redis.set(key, found, ex=ttl)
        return found.decode()
    finally:
        done.set()
        beat.join()
        redis.eval(RELEASE, 1, claim, token)
