# fails: full_jitter -- "it was exactly the cap" "Cap the bound, then draw"
# The wait is drawn from the doubled base and cut off at the cap afterwards.
RETRYABLE = {429, 500, 502, 503, 504}
UNSAFE = {"POST", "PATCH"}


def _retry_after(response, clock):
    """Seconds the server asks us to wait; 0 if it says nothing that can be understood."""
    value = response.headers.get("Retry-After")
    if value is None:
        return 0.0
    try:
        return max(0.0, float(int(value)))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - clock.now()).total_seconds())


def call_with_retry(request, policy, clock, random):
    began = clock.monotonic()
    repeatable = request.method.upper() not in UNSAFE or "Idempotency-Key" in request.headers
    attempt = 0
    while True:
        attempt += 1
        response = error = None
        at_least = 0.0
        try:
            response = request.send()
        except (ConnectionError, TimeoutError) as caught:
            error = caught
        else:
            if response.status not in RETRYABLE:
                return response
            at_least = _retry_after(response, clock)

        wait = max(at_least, min(policy.cap, random.uniform(0, policy.base * 2 ** (attempt - 1))))
        may_retry = (
            repeatable
            and attempt < policy.max_attempts
            and clock.monotonic() - began + wait <= policy.deadline
            and policy.budget.spend()
        )
        if not may_retry:
            if error is not None:
                raise error
            return response
        clock.sleep(wait)
