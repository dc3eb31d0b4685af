-- fails: still_sold -- "no row at all" "ask IS NULL"
SELECT id, name, price FROM products WHERE discontinued_at = NULL ORDER BY price, id LIMIT 5;
