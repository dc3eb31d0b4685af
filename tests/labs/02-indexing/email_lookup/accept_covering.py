# accepts: unique over the expression, and the name rides along; the text is put together in Python
columns = ", ".join(["id", "name"])
email_lookup = f"CREATE UNIQUE INDEX customers_login ON customers USING btree (lower(email)) INCLUDE ({columns})"
