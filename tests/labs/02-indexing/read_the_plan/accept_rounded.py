# accepts: rounded figures, aliases in the node's name, reciprocal factors
read_the_plan = {
    "one_customer": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 9995,
        "worst_misestimate": 1.25,
        "pages": 133,
    },
    "gifts": {
        "bottleneck": "Seq Scan on orders o",
        "rows_thrown_away": 10000,
        "worst_misestimate": 2.2,
        "pages": 238,
    },
    "velo_sales": {
        "bottleneck": "Seq Scan on order_items i",
        "rows_thrown_away": 189,
        "worst_misestimate": 0.09,
        "pages": 215,
    },
}
