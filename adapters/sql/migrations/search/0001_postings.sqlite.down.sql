DROP TABLE search_builds;
DROP TABLE search_postings;
