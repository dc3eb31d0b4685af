"""Who looks at which product when: traces for experiments with caches. The same seed gives the same trace."""

from __future__ import annotations

import itertools
import random

PRODUCTS = 3000
HOURS = 4


def visits(seed: int, count: int = 12_000) -> list[tuple[float, int]]:
    """`count` views as (second, product id), in order, over four hours.

    Customers look at few products often (Zipf), and a crawler walks through all of them, one after the other.
    """
    chance = random.Random(f"visits/{seed}")
    products = list(range(1, PRODUCTS + 1))
    chance.shuffle(products)
    weights = list(itertools.accumulate(1 / (rank + 8) ** 1.35 for rank in range(PRODUCTS)))
    crawler = itertools.cycle(range(1, PRODUCTS + 1))
    moments = sorted(chance.uniform(0, HOURS * 3600) for _ in range(count))
    return [
        (second, next(crawler) if chance.random() < 0.4 else chance.choices(products, cum_weights=weights)[0])
        for second in moments
    ]
