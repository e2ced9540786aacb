DROP TABLE search_words;
-- Whoever migrates again builds the index again, with its dictionary.
UPDATE search_builds SET revision = 1, version = version + 1 WHERE revision > 1;
