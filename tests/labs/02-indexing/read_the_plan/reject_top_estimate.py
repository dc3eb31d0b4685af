# fails: worst_misestimate -- "worst node counts"
read_the_plan = {
    "one_customer": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 9995,
        "worst_misestimate": 1.2,
        "pages": 133,
    },
    "gifts": {
        "bottleneck": "Seq Scan on orders",
        "rows_thrown_away": 10035,
        "worst_misestimate": 1.07,
        "pages": 238,
    },
    "velo_sales": {
        "bottleneck": "Seq Scan on order_items",
        "rows_thrown_away": 189,
        "worst_misestimate": 7.06,
        "pages": 213,
    },
}
