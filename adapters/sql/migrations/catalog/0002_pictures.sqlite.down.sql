ALTER TABLE products DROP COLUMN pictures;
