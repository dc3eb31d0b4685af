# fails: hit_rate -- "evicted"
choose_policy = {"policy": "allkeys-random", "ttl": 3600}
