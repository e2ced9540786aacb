-- The words of documents, each under the keys by which a mistyped one finds it.
CREATE TABLE search_words (
    key BLOB NOT NULL,
    word TEXT NOT NULL,
    CONSTRAINT search_words_pkey PRIMARY KEY (key, word)
) STRICT, WITHOUT ROWID;
