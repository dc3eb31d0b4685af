-- fails: lean -- "no others"
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at)
    INCLUDE (total, id, status, currency, shipping_country);
