# rejected -- "must be a dict such as"
choose_policy = "allkeys-lfu"
