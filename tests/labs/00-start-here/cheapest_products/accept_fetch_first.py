# accepts: the standard's FETCH FIRST, NULL asked for in another way; a Python string
cheapest_products = """
    SELECT p.id, p.name, p.price
    FROM public.products AS p
    WHERE p.discontinued_at IS NOT DISTINCT FROM NULL
    ORDER BY p.price ASC, p.id ASC
    FETCH FIRST 5 ROWS ONLY
"""
