CREATE TABLE file_images (
    id BLOB NOT NULL,
    file_id BLOB NOT NULL,
    side INTEGER NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT file_images_pkey PRIMARY KEY (id),
    CONSTRAINT file_images_file_id_side_key UNIQUE (file_id, side),
    CONSTRAINT file_images_file_id_fkey FOREIGN KEY (file_id) REFERENCES files (id)
) STRICT;
