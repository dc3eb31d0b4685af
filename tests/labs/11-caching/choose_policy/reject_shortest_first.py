# fails: hit_rate -- "a hit rate of at least"
choose_policy = {"policy": "volatile-ttl", "ttl": 1800}
