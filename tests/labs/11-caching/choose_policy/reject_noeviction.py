# fails: never_refuses -- "OOM" "right for data"
choose_policy = {"policy": "noeviction", "ttl": 3600}
