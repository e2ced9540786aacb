DROP TABLE file_images;
