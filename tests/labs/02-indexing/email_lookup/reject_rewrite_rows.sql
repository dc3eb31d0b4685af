-- fails: applies -- "customers itself was altered"
UPDATE customers SET email = lower(email);
ALTER TABLE customers ADD UNIQUE (email);
CREATE FUNCTION lower_email() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.email := lower(new.email); RETURN new; END $$;
CREATE TRIGGER lower_email BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION lower_email();
