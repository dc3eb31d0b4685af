# accepts: losers block on a list into which the holder pushes; no polling, but more keys
def get_or_compute(redis, key, compute, *, ttl=60, lease=8):
    claim, bell = f"{key}:claim", f"{key}:bell"
    me = uuid.uuid4().hex
    while (raw := redis.get(key)) is None:
        if redis.set(claim, me, nx=True, px=lease * 1000):
            if (raw := redis.get(key)) is None:
                raw = json.dumps(compute())
                with redis.pipeline() as pipe:
                    pipe.setex(key, ttl, raw)
                    pipe.lpush(bell, *["done"] * 100)
                    pipe.expire(bell, 1)
                    pipe.execute()
            with redis.pipeline() as pipe:
                pipe.watch(claim)
                if pipe.get(claim) == me.encode():
                    pipe.multi()
                    pipe.delete(claim)
                    try:
                        pipe.execute()
                    except RedisError:
                        pass
            break
        redis.blpop([bell], timeout=1)
    return json.loads(raw)
