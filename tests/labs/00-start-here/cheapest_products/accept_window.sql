-- accepts: numbers the rows and keeps the first five
WITH ranked AS (
    SELECT id, name, price, row_number() OVER (ORDER BY price, id) AS place
      FROM products
     WHERE discontinued_at IS NULL
)
SELECT id, name, price FROM ranked WHERE place <= 5 ORDER BY place
