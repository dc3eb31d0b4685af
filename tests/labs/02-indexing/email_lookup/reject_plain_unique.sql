-- fails: used, refuses_duplicates -- "knows nothing of lower" "in another case was accepted"
CREATE UNIQUE INDEX customers_email ON customers (email);
