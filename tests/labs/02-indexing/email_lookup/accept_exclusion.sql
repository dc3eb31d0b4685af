-- accepts: an exclusion constraint, which brings its own index
ALTER TABLE customers ADD CONSTRAINT one_customer_for_one_address EXCLUDE USING btree (lower(email) WITH =);
