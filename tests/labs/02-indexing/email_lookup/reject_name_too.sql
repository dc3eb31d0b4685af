-- fails: accepts_others, one_index -- "another provider" "turns honest customers away"
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email));
CREATE UNIQUE INDEX customers_user_name ON customers (lower(split_part(email, '@', 1)));
