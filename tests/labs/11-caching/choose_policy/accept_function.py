# accepts: a function that returns a pair
def choose_policy():
    return "allkeys-lfu", 3000
