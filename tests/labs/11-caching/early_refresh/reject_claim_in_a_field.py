# fails: claims_run_out -- "has no expiry"
# The value is a field that expires, the claim a field of the same hash that does not, and its owner alone removes it: killed, it stays for ever and at every end all compute.
def early_refresh(redis, key, compute, ttl=60):
    with redis.pipeline() as pipe:
        value, left = pipe.hget(key, "value").execute_command("HPTTL", key, "FIELDS", 1, "value").execute()
    mine = False
    if value is not None:
        if left[0] > ttl * 200:
            return value.decode()
        mine = redis.hsetnx(key, "claim", "1")
        if not mine:
            return value.decode()
    value = compute()
    redis.hsetex(key, "value", value, px=int(ttl * 1000))
    if mine:
        redis.hdel(key, "claim")
    return value
