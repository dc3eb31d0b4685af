-- fails: refuses_duplicates -- "UNIQUE compares what the index holds"
CREATE UNIQUE INDEX customers_email ON customers (lower(email), country);
