//! `FileImageRepository`, and the pictures of `FileQueries`.

use super::rows::upload;
use crate::{
    check::{Checked, Failure, duplicate, equal, referenced},
    clause::{self, clauses},
    sample,
    units::commit,
    world,
};
use skep_application::{
    files::{
        FilesStore,
        constraints::{FILE_IMAGE_FILE, FILE_IMAGE_ID, FILE_IMAGE_SIDE},
    },
    kernel::StoreError,
};
use skep_domain::{
    files::{Checksum, File, FileContent, FileId, FileImage, MediaType},
    shared::Timestamp,
};
use std::sync::Arc;

clauses! { clauses of "file_images" on dyn FilesStore:
    a_picture_is_read_as_written ["FileQueries 7"],
    the_pictures_of_a_file_are_listed_and_deleted,
    the_file_of_a_picture_exists ["FileImageRepository 1"],
    a_picture_and_the_deletion_of_its_file_are_never_both_stored ["FileImageRepository 1"],
    a_file_has_one_picture_with_each_side ["FileImageRepository 2"],
    the_ids_of_pictures_are_known ["FileQueries 3"],
}

type Given = clause::Given<dyn FilesStore>;

async fn stored_file(given: &Given) -> Checked<File> {
    let file = upload(sample::user_id(), sample::at(0))?;
    commit!(given.store, tx => tx.files().insert(&file).await?)?;
    Ok(file)
}

fn image(file: FileId, side: u32) -> Checked<FileImage> {
    let content =
        FileContent { size: 4_321, media_type: MediaType::parse("image/webp")?, checksum: Checksum::new([0xA7; 32]) };
    Ok(FileImage { id: FileId::new(world::uuid()), file_id: file, side, content, created_at: sample::at(7) })
}

async fn insert(given: &Given, image: &FileImage) -> Result<(), StoreError> {
    commit!(given.store, tx => tx.images().insert(image).await?)
}

async fn list_of(given: &Given, file: FileId) -> Checked<Vec<FileImage>> {
    Ok(commit!(given.store, tx => tx.images().list_of(file).await?)?)
}

async fn a_picture_is_read_as_written(given: &Given) -> Checked {
    let file = stored_file(given).await?.id;
    let plain = image(file, 480)?;
    let longest = MediaType::stored("a".repeat(127));
    let most = FileContent { size: i64::MAX.unsigned_abs(), media_type: longest, checksum: Checksum::new([0xFF; 32]) };
    let exact = FileContent { size: sample::BEYOND_DOUBLE.unsigned_abs(), ..plain.content.clone() };
    let images = [
        FileImage { created_at: Timestamp::MIN, content: exact, ..image(file, 1)? },
        plain,
        FileImage { created_at: Timestamp::MAX, content: most, ..image(file, u32::MAX)? },
    ];
    for image in &images {
        insert(given, image).await?;
        equal(given.store.find_image(file, image.side).await?.as_ref(), Some(image))?;
    }
    equal(list_of(given, file).await?, images.to_vec())?;
    equal(given.store.find_image(file, 481).await?, None)?;
    equal(given.store.find_image(stored_file(given).await?.id, 480).await?, None)
}

async fn the_pictures_of_a_file_are_listed_and_deleted(given: &Given) -> Checked {
    let (file, other) = (stored_file(given).await?.id, stored_file(given).await?.id);
    let (large, small, medium) = (image(file, 1_920)?, image(file, 480)?, image(file, 960)?);
    let others = image(other, 480)?;
    for image in [&large, &small, &others, &medium] {
        insert(given, image).await?;
    }
    equal(list_of(given, file).await?, vec![small.clone(), medium.clone(), large.clone()])?;
    let gone = [large.id, small.id, FileId::new(world::uuid())];
    commit!(given.store, tx => tx.images().delete_many(&gone).await?)?;
    equal(list_of(given, file).await?, vec![medium])?;
    equal(given.store.find_image(file, 480).await?, None)?;
    equal(list_of(given, other).await?, vec![others])
}

async fn the_file_of_a_picture_exists(given: &Given) -> Checked {
    let lost = image(FileId::new(world::uuid()), 480)?;
    referenced(insert(given, &lost).await, FILE_IMAGE_FILE)?;
    equal(given.store.find_image(lost.file_id, 480).await?, None)?;
    let file = stored_file(given).await?;
    let image = image(file.id, 480)?;
    insert(given, &image).await?;
    referenced(commit!(given.store, tx => tx.files().delete(&file).await?), FILE_IMAGE_FILE)?;
    equal(given.store.find_file(file.id).await?.as_ref(), Some(&file))?;
    // Both go in one unit of work.
    commit!(given.store, tx => {
        tx.images().delete_many(&[image.id]).await?;
        tx.files().delete(&file).await?;
    })?;
    equal((given.store.find_file(file.id).await?, list_of(given, file.id).await?), (None, vec![]))
}

async fn a_picture_and_the_deletion_of_its_file_are_never_both_stored(given: &Given) -> Checked {
    for _ in 0..10 {
        let file = stored_file(given).await?;
        let image = image(file.id, 480)?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let inserted = {
            let (store, start) = (given.store.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                commit!(store, tx => tx.images().insert(&image).await?)
            })
        };
        start.wait().await;
        let deleted = commit!(given.store, tx => tx.files().delete(&file).await?);
        match (inserted.await?, deleted) {
            (Ok(()), refused) | (refused, Ok(())) => referenced(refused, FILE_IMAGE_FILE)?,
            both => return Err(Failure::new(format!("neither of the two is stored: {both:?}"))),
        }
        let is_there = given.store.find_file(file.id).await?.is_some();
        equal(given.store.find_image(file.id, 480).await?.is_some(), is_there)?;
    }
    Ok(())
}

async fn a_file_has_one_picture_with_each_side(given: &Given) -> Checked {
    let (file, other) = (stored_file(given).await?.id, stored_file(given).await?.id);
    let first = image(file, 480)?;
    insert(given, &first).await?;
    duplicate(insert(given, &image(file, 480)?).await, FILE_IMAGE_SIDE)?;
    duplicate(insert(given, &FileImage { id: first.id, ..image(other, 960)? }).await, FILE_IMAGE_ID)?;
    insert(given, &image(other, 480)?).await?;
    equal(list_of(given, file).await?, vec![first])?;
    for side in 1..=10 {
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let mut tasks = vec![];
        for image in [image(file, side)?, image(file, side)?] {
            let (store, start) = (given.store.clone(), start.clone());
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                commit!(store, tx => tx.images().insert(&image).await?)
            }));
        }
        let mut refused = 0;
        for task in tasks {
            if let Err(error) = task.await? {
                duplicate(Err::<(), _>(error), FILE_IMAGE_SIDE)?;
                refused += 1;
            }
        }
        equal(refused, 1)?;
    }
    Ok(())
}

async fn the_ids_of_pictures_are_known(given: &Given) -> Checked {
    let file = stored_file(given).await?.id;
    let (known, other) = (image(file, 480)?, image(file, 960)?);
    insert(given, &known).await?;
    insert(given, &other).await?;
    let mut found = given.store.list_known_files(&[file, known.id, FileId::new(world::uuid())]).await?;
    found.sort_by_key(|id| id.uuid());
    let mut expected = vec![file, known.id];
    expected.sort_by_key(|id| id.uuid());
    equal(found, expected)
}
