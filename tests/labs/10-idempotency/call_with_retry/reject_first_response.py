# fails: gives_up -- "503, then 500"
RETRY = (429, 500, 502, 503, 504)
def call_with_retry(request, policy, clock, random):
    begun = clock.monotonic()
    repeatable = request.method.upper() not in ("POST", "PATCH") or "Idempotency-Key" in request.headers
    kept = None
    for number in range(1, policy.max_attempts + 1):
        response, failure, told = None, None, 0.0
        try:
            response = request.send()
        except (ConnectionError, TimeoutError) as lost:
            failure = lost
        if response is not None:
            kept = kept or response
            if response.status not in RETRY:
                return response
            header = response.headers.get("Retry-After")
            if header is not None:
                if header.strip().isdigit():
                    told = float(header)
                else:
                    told = (parsedate_to_datetime(header) - clock.now()).total_seconds()
        wait = max(told, random.uniform(0, min(policy.cap, policy.base * 2 ** (number - 1))))
        in_time = clock.monotonic() - begun + wait <= policy.deadline
        if repeatable and number < policy.max_attempts and in_time and policy.budget.spend():
            clock.sleep(wait)
            continue
        if failure is not None:
            raise failure
        return kept
