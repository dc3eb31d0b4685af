# accepts: recursion, the clock read as a date, Retry-After added to the jitter
def call_with_retry(request, policy, clock, random, attempt=1, ends=None):
    ends = ends or clock.now() + timedelta(seconds=policy.deadline)
    try:
        response = request()
        failure = None
        if response.status_code not in (429, 500, 502, 503, 504):
            return response
    except (TimeoutError, ConnectionError) as problem:
        response, failure = None, problem
    names = {name.lower() for name in request.headers}
    allowed = request.method not in ("POST", "PATCH") or "idempotency-key" in names
    if allowed and attempt < policy.max_attempts:
        wait = random.random() * min(policy.cap, policy.base * 2 ** (attempt - 1))
        told = response.headers.get("retry-after", "") if response is not None else ""
        if told:
            try:
                wait += int(told)
            except ValueError:
                wait += max(0.0, (parsedate_to_datetime(told) - clock.now()).total_seconds())
        if clock.now() + timedelta(seconds=wait) < ends and policy.budget.spend():
            clock.sleep(wait)
            return call_with_retry(request, policy, clock, random, attempt + 1, ends)
    if failure is not None:
        raise failure
    return response
