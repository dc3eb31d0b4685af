# accepts: texts put together by a helper, a range by the last character there is
def between(low, high):
    return f"SELECT id FROM orders WHERE placed_at >= {low} AND placed_at < {high}"


def midnight(days):
    return f"timezone('Europe/Paris', (%(day)s::date + {days})::timestamp)"


sargable: dict[str, str] = {
    "orders_of_day": between(midnight(0), midnight(1)),
    "customers_by_phone": "WITH asked AS (SELECT 1) " + """SELECT id FROM customers
        WHERE phone = %(phone)s OR phone IS NULL AND %(phone)s IN ('')""",
}
sargable["products_by_sku"] = (
    "SELECT id FROM products WHERE sku >= %(prefix)s AND sku < %(prefix)s || chr(1114111) || chr(1114111)"
)
