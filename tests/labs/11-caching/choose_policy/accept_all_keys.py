# accepts: frequency over all keys, as long as allowed
choose_policy = {"policy": "allkeys-lfu", "ttl": 60 * 60}
