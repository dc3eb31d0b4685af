# fails: answers -- "an empty text is a value"
# Asks whether what it found is true instead of whether there is an entry.
_STORE = """
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] or not holder then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    redis.call('DEL', KEYS[2])
end
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def get_or_compute(redis, key: str, compute, ttl: int = 60, lease: int = 10) -> str:
    claim, token = f"{key}:claim", uuid.uuid4().hex
    while True:
        value = redis.get(key)
        if value:
            return value.decode()
        if redis.set(claim, token, nx=True, px=int(lease * 1000)):
            break
        time.sleep(0.05)
    try:
        value = redis.get(key)  # somebody may have finished between the look and the claim
        if value:
            redis.eval(_RELEASE, 1, claim, token)
            return value.decode()
        computed = compute()
    except BaseException:
        redis.eval(_RELEASE, 1, claim, token)
        raise
    redis.eval(_STORE, 2, key, claim, token, computed, int(ttl * 1000))
    return computed
