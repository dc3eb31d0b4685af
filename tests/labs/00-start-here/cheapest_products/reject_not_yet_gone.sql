-- fails: still_sold -- "no product that is still sold"
SELECT id, name, price FROM products WHERE discontinued_at IS NULL OR discontinued_at > now() ORDER BY price, id LIMIT 5;
