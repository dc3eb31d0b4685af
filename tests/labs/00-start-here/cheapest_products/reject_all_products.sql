-- fails: still_sold -- "no product that is still sold"
SELECT id, name, price FROM products ORDER BY price, id LIMIT 5;
