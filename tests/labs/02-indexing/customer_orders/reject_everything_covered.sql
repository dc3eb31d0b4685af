-- fails: lean -- "every entry wider"
CREATE INDEX orders_account_page ON orders (customer_id, placed_at DESC)
    INCLUDE (id, status, total, currency, shipping_country, shipping_city, shipping_postcode);
