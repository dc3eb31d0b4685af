# fails: rows_thrown_away -- "multiply, then add up"
read_the_plan = {
    "one_customer": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 9995,
        "worst_misestimate": 1.2,
        "pages": 133,
    },
    "gifts": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 2,
        "worst_misestimate": 2.2,
        "pages": 238,
    },
    "velo_sales": {
        "bottleneck": "Seq Scan on order_items",
        "rows_thrown_away": 189,
        "worst_misestimate": 11,
        "pages": 213,
    },
}
