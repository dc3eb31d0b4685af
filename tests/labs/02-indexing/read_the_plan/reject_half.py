# fails: bottleneck, rows_thrown_away, worst_misestimate, pages -- "nothing for gifts and velo_sales"
read_the_plan = {
    "one_customer": {"bottleneck": "Seq Scan on orders", "rows_thrown_away": 9995, "worst_misestimate": 1.2, "pages": 133},
}
