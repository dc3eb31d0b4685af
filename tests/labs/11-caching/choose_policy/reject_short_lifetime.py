# fails: hit_rate -- "too short"
# The right policy, and nothing stays long enough for it to matter.
choose_policy = {"policy": "allkeys-lfu", "ttl": 300}
