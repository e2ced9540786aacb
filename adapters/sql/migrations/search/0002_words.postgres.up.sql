-- The words of documents, each under the keys by which a mistyped one finds it.
CREATE TABLE search_words (
    key UUID NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    CONSTRAINT search_words_pkey PRIMARY KEY (key, word)
);
