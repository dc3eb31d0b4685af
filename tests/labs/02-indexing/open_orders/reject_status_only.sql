-- fails: small_index -- "5 %"
CREATE INDEX ON orders (status);
