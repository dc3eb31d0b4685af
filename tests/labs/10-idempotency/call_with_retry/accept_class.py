# accepts: a class that keeps the state; gives up by an exception it catches itself
class GiveUp(Exception):
    pass


class Caller:
    def __init__(self, request, policy, clock, random):
        self.request, self.policy, self.clock, self.random = request, policy, clock, random
        self.until = clock.time() + policy.deadline
        self.bound = policy.base

    def wait(self, response):
        seconds = self.random.uniform(0.0, self.bound)
        self.bound = min(self.bound * 2, self.policy.cap)
        header = dict(response.headers).get("retry-after") if response else None
        if header is not None:
            if header.strip().isdecimal():
                seconds = max(seconds, int(header))
            else:
                seconds = max(seconds, parsedate_to_datetime(header).timestamp() - self.clock.time())
        if self.clock.time() + seconds >= self.until or not self.policy.budget.spend():
            raise GiveUp
        self.clock.sleep(seconds)

    def run(self):
        repeatable = self.request.method not in {"POST", "PATCH"} or self.request.headers.get("idempotency-key")
        for left in reversed(range(self.policy.max_attempts)):
            try:
                response, error = self.request.send(), None
            except (TimeoutError, ConnectionError) as e:
                response, error = None, e
            if response is not None and response.status not in (429, 500, 502, 503, 504):
                return response
            try:
                if not left or not repeatable:
                    raise GiveUp
                self.wait(response)
            except GiveUp:
                if error is not None:
                    raise error
                return response


def call_with_retry(request, policy, clock, random):
    return Caller(request, policy, clock, random).run()
