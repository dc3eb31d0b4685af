# fails: orders_of_day -- "it does not use"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE placed_at >= '2024-03-31' AND placed_at < '2024-04-01'""",
    "customers_by_phone": """SELECT id FROM customers WHERE phone = %(phone)s OR (%(phone)s = '' AND phone IS NULL)""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku ^@ %(prefix)s""",
}
