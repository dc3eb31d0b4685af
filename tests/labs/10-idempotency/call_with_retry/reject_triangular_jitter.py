# fails: full_jitter -- "in the middle half"
# The mean of two draws is seldom near zero and seldom near the bound.
TRANSIENT = {429, 500, 502, 503, 504}
IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}


def retry_after(response, clock):
    value = response.headers.get("Retry-After") if response else None
    if not value:
        return 0.0
    if value.isdigit():
        return float(value)
    return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())


def call_with_retry(request, policy, clock, random):
    start = clock.monotonic()
    safe = request.method.upper() in IDEMPOTENT or "Idempotency-Key" in request.headers
    attempt = 0
    while True:
        attempt += 1
        response = error = None
        try:
            response = request.send()
        except (ConnectionError, TimeoutError) as trouble:
            error = trouble

        def give_up():
            if error:
                raise error
            return response

        if response is not None and response.status not in TRANSIENT:
            return response
        if not safe or attempt >= policy.max_attempts:
            return give_up()
        bound = min(policy.cap, policy.base * 2 ** (attempt - 1))
        pause = bound * (random.random() + random.random()) / 2
        pause = max(pause, retry_after(response, clock))
        if clock.monotonic() - start + pause > policy.deadline:
            return give_up()
        if not policy.budget.spend():
            return give_up()
        clock.sleep(pause)
