# fails: hit_rate -- "a hit rate of at least 28%" "Recency is fooled"
choose_policy = {"policy": "allkeys-lru", "ttl": 3600}
