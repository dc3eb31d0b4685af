-- fails: refuses_duplicates -- "UNIQUE compares what the index holds"
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email), id);
