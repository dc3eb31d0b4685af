-- fails: small_index, pending_only -- "5 %"
CREATE INDEX ON orders (status);
