-- fails: cheap -- "every line of every order is read"
CREATE INDEX inventory_product ON inventory (product_id);
