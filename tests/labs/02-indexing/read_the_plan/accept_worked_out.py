# accepts: worked out in the cell from what EXPLAIN printed, with flat names and texts
def observations(node, removed, expected, found, hit, read=0):
    factor = max(expected, found) / min(expected, found)
    return {"bottleneck": node, "rows_thrown_away": removed, "worst_misestimate": round(factor, 1), "pages": hit + read}


read_the_plan: dict = {
    "one_customer": observations("sequential scan of orders", "9,995", 6, 5, 133),
    "gifts": observations(("Seq Scan", "orders"), 9965 + 35 * 2, 1, 0.46, 138, 100),
}
for key, value in observations("Seq Scan on order_items i", 189, 1, 11, 213).items():
    read_the_plan[f"velo_sales_{key}"] = value
