# fails: dead_holder_is_replaced -- "2 computations"
# Looks every 50 ms, as often as fits into a lease, and then computes without a claim: those who waited for a dead one do so all at once.
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
    for _ in range(int(lease / 0.05)):
        value = redis.get(key)
        if value is not None:
            return value.decode()
        if redis.set(claim, token, nx=True, px=int(lease * 1000)):
            break
        time.sleep(0.05)
    else:
        return compute()
    try:
        value = redis.get(key)  # somebody may have finished between the look and the claim
        if value is not None:
            redis.eval(_RELEASE, 1, claim, token)
            return value.decode()
        computed = compute()
    except BaseException:
        redis.eval(_RELEASE, 1, claim, token)
        raise
    redis.eval(_STORE, 2, key, claim, token, computed, int(ttl * 1000))
    return computed
