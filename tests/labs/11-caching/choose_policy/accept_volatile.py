# accepts: frequency among keys with a lifetime, half an hour
choose_policy = {"maxmemory-policy": "volatile-lfu", "ttl": 2400}
