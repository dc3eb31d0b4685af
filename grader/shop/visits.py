"""Who looks at which product when: traces for experiments with caches. The same seed gives the same trace."""

from __future__ import annotations

import itertools
import random

PRODUCTS = 3000
HOURS = 4
CRAWLED = 0.6  # share of the views that are a crawler's
AT_A_TIME = 800  # products it asks for in a row, ten a second


def visits(seed: int, count: int = 30_000) -> list[tuple[float, int]]:
    """`count` views as (second, product id), in order, over four hours.

    Customers look at some hundreds of products again and again, and at each of the others now and then. A crawler
    walks through all products, one after the other, some hundreds of them at a time.
    """
    chance = random.Random(f"visits/{seed}")
    seconds = HOURS * 3600
    products = list(range(1, PRODUCTS + 1))
    chance.shuffle(products)
    weights = list(itertools.accumulate(1 / (rank + 150) ** 3 for rank in range(PRODUCTS)))
    crawler = itertools.cycle(range(1, PRODUCTS + 1))
    walks = max(1, round(count * CRAWLED / AT_A_TIME))
    views = []
    for walk in range(walks):
        begin = seconds * (walk + chance.uniform(0.25, 0.75)) / walks
        views += [(begin + step / 10, next(crawler)) for step in range(int(count * CRAWLED / walks))]
    views += [
        (chance.uniform(0, seconds), chance.choices(products, cum_weights=weights)[0])
        for _ in range(count - len(views))
    ]
    return sorted(views)
