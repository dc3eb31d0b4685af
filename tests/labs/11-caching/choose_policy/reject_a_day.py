# fails: not_too_old -- "3600 seconds at most" "the older is what customers see"
# More hits than anybody, of yesterday's prices.
choose_policy = {"policy": "allkeys-lfu", "ttl": 86400}
