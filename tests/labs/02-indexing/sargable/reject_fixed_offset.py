# fails: orders_of_day -- "rows are"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE placed_at >= (%(day)s || ' 00:00+01')::timestamptz AND placed_at < ((%(day)s + 1) || ' 00:00+01')::timestamptz""",
    "customers_by_phone": """SELECT id FROM customers WHERE phone = %(phone)s OR (%(phone)s = '' AND phone IS NULL)""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku ^@ %(prefix)s""",
}
