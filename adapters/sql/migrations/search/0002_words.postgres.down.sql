DROP TABLE search_words;
-- After the next migration, the sweep builds the index again, with its dictionary.
UPDATE search_builds SET revision = 1, version = version + 1 WHERE revision > 1;
