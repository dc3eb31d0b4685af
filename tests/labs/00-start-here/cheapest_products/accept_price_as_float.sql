-- accepts: the price as a floating-point number
SELECT id, name, price::float8 AS price
  FROM products
 WHERE discontinued_at IS NULL
 ORDER BY products.price, id
 LIMIT 5
