-- fails: accepts_others, one_index -- "same name and city" "turns honest customers away"
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email));
CREATE UNIQUE INDEX customers_same_person ON customers (name, city, created_at, phone, country, postcode) NULLS NOT DISTINCT WHERE created_at > '2026-01-01';
