# accepts: in each process one looks into Redis for all who wait there; they wait for what it finds
# Who misses first in a process leads; the others wait for its future, a second at a time, and look for themselves if it is gone.
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
under_way = {}
door = threading.Lock()


def get_or_compute(redis, key, compute, ttl=60, lease=10):
    while True:
        with door:
            future = under_way.get(key)
            leads = future is None
            if leads:
                future = under_way[key] = Future()
        if leads:
            try:
                future.set_result(lead(redis, key, compute, ttl, lease))
            except BaseException as error:
                future.set_exception(error)
            finally:
                with door:
                    del under_way[key]
        try:
            return future.result(timeout=1)
        except TooLate:
            pass


def lead(redis, key, compute, ttl, lease):
    token = uuid.uuid4().hex
    while True:
        found = redis.get(key)
        if found is not None:
            return found.decode()
        if redis.set(f"claim:{key}", token, nx=True, ex=lease):
            break
        time.sleep(0.05)
    try:
        found = redis.get(key)
        if found is None:
            found = compute()
            redis.set(key, found, ex=ttl)
            return found
        return found.decode()
    finally:
        redis.eval(RELEASE, 1, f"claim:{key}", token)
