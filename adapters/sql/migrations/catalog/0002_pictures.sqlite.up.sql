-- The pictures of a product in their order, as JSON: a file and its alternative text for each.
ALTER TABLE products ADD COLUMN pictures TEXT NOT NULL DEFAULT '[]';
