# fails: can_be_set -- "lfu" "maxmemory-policy"
choose_policy = {"policy": "lfu", "ttl": 3600}
