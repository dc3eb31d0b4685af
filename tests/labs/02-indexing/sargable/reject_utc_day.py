# fails: orders_of_day -- "midnight there, not in UTC"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE placed_at >= %(day)s::date AND placed_at < %(day)s::date + 1""",
    "customers_by_phone": """SELECT id FROM customers WHERE phone = %(phone)s OR (%(phone)s = '' AND phone IS NULL)""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku ^@ %(prefix)s""",
}
