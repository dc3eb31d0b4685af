# fails: bottleneck -- "include those of everything below"
read_the_plan = {
    "one_customer": {
        "bottleneck": "Sort",
        "rows_thrown_away": 9995,
        "worst_misestimate": 1.2,
        "pages": 133,
    },
    "gifts": {
        "bottleneck": "Nested Loop",
        "rows_thrown_away": 10035,
        "worst_misestimate": 2.2,
        "pages": 238,
    },
    "velo_sales": {
        "bottleneck": "Hash Join",
        "rows_thrown_away": 189,
        "worst_misestimate": 11,
        "pages": 213,
    },
}
