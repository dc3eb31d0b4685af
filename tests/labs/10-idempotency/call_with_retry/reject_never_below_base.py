# fails: full_jitter -- "the whole of"
def call_with_retry(request, policy, clock, random):
    start = clock.monotonic()
    safe = request.method not in ("POST", "PATCH") or "Idempotency-Key" in request.headers
    n = 0
    while True:
        n += 1
        resp, err, told = None, None, 0
        try:
            resp = request.send()
        except (ConnectionError, TimeoutError) as e:
            err = e
        if resp is not None:
            if resp.status not in (429, 500, 502, 503, 504):
                return resp
            h = resp.headers.get("Retry-After")
            if h:
                told = float(h) if h.isdigit() else (parsedate_to_datetime(h) - clock.now()).total_seconds()
        wait = max(told, random.uniform(policy.base, min(policy.cap, policy.base * 2 ** (n - 1))))
        if safe and n < policy.max_attempts and clock.monotonic() + wait <= start + policy.deadline and policy.budget.spend():
            clock.sleep(wait)
        elif err:
            raise err
        else:
            return resp
