# accepts: redis-py's own lock, which waits, has a lease and knows its owner
from redis.exceptions import LockNotOwnedError


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    found = redis.get(key)
    if found is not None:
        return found.decode()
    lock = redis.lock("lock:" + key, timeout=lease, sleep=0.1)
    lock.acquire()
    try:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        value = compute()
        redis.set(key, value, ex=ttl)
        return value
    finally:
        try:
            lock.release()
        except LockNotOwnedError:
            pass
