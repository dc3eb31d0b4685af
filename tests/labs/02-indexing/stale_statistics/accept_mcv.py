# accepts: most common pairs, with more of them than usual; a Python string
stale_statistics = """
create statistics orders_stx (mcv) on shipping_city, shipping_postcode from orders;
alter statistics orders_stx set statistics 1000;
analyze orders;
"""
