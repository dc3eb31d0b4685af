# fails: not_too_old -- "1,000,000,000 seconds"
choose_policy = {"policy": "volatile-lfu", "ttl": 10**9}
