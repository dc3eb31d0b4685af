# fails: leaves_what_is_final -- "501"
RETRY = (429, 500, 502, 503, 504)
def call_with_retry(request, policy, clock, random):
    begun = clock.monotonic()
    repeatable = request.method.upper() not in ("POST", "PATCH") or "Idempotency-Key" in request.headers
    for number in range(1, policy.max_attempts + 1):
        response, failure, told = None, None, 0.0
        try:
            response = request.send()
        except (ConnectionError, TimeoutError) as lost:
            failure = lost
        if response is not None:
            if response.status != 429 and response.status < 500:
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
        return response
