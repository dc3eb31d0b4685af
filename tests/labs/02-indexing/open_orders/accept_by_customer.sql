-- accepts: a key of few distinct values, which a full index would hold packed
CREATE INDEX orders_to_pack ON orders (customer_id) WHERE status = ANY (ARRAY['pending']);
