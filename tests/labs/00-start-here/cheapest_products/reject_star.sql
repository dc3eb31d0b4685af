-- fails: answers -- "the columns id, name, price"
SELECT * FROM products WHERE discontinued_at IS NULL ORDER BY price, id LIMIT 5;
