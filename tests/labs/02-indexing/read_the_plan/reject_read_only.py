# fails: pages -- "found in memory"
read_the_plan = {
    "one_customer": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 9995,
        "worst_misestimate": 1.2,
        "pages": 0,
    },
    "gifts": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 10035,
        "worst_misestimate": 2.2,
        "pages": 0,
    },
    "velo_sales": {
        "bottleneck": "Seq Scan on order_items",
        "rows_thrown_away": 189,
        "worst_misestimate": 11,
        "pages": 0,
    },
}
