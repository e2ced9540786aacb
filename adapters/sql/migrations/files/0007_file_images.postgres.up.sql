CREATE TABLE file_images (
    id UUID NOT NULL,
    file_id UUID NOT NULL,
    side BIGINT NOT NULL,
    size BIGINT NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT file_images_pkey PRIMARY KEY (id),
    CONSTRAINT file_images_file_id_side_key UNIQUE (file_id, side),
    CONSTRAINT file_images_file_id_fkey FOREIGN KEY (file_id) REFERENCES files (id)
);
