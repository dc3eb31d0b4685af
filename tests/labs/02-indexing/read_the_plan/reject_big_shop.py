# fails: rows_thrown_away, worst_misestimate, pages -- "the plan says otherwise"
read_the_plan = {
    "one_customer": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 999940,
        "worst_misestimate": 40.0,
        "pages": 13300,
    },
    "gifts": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 999940,
        "worst_misestimate": 40.0,
        "pages": 13300,
    },
    "velo_sales": {
        "bottleneck": "Seq Scan on order_items",
        "rows_thrown_away": 999940,
        "worst_misestimate": 40.0,
        "pages": 13300,
    },
}
