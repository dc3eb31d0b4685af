-- fails: cheap -- "pages at"
CREATE UNIQUE INDEX products_id ON products (id);
