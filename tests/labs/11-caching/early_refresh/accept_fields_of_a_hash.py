# accepts: one hash for all keys, XFetch in a Lua script by HPTTL; hpexpire in Lua
LOOK = """
local v = redis.call('HGET', KEYS[1], ARGV[1])
if not v then return false end
return {v, redis.call('HPTTL', KEYS[1], 'FIELDS', 1, ARGV[1])[1]}
"""
STORE = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return redis.call('HPEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, ARGV[1])"
def early_refresh(redis, key, compute, ttl=60, beta=1.0):
    found = redis.eval(LOOK, 1, "xfetch", key)
    if found:
        entry, left = json.loads(found[0]), found[1] / 1000
        if left > beta * entry["d"] * random.expovariate(1.0):
            return entry["v"]
    t = time.perf_counter()
    v = compute()
    redis.eval(STORE, 1, "xfetch", key, json.dumps({"v": v, "d": time.perf_counter() - t}), int(ttl * 1000))
    return v
