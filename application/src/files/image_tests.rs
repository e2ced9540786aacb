//! Tests of pictures in sizes, with mocks and with contents in memory.

use super::{image_flights::Flights, *};
use crate::testing::*;
use skep_domain::files::{File, FileContent, FileId, FileImage, FileState, FileUsage, ImageSizes, MediaType};
use std::sync::{Arc, Mutex};

const SOURCE: &[u8] = b"a large picture";
const SMALLER: &[u8] = b"small";

/// A picture whose content is on the shelves.
fn picture() -> File {
    let mut file = picture_file(1);
    let media_type = MediaType::parse("image/png").unwrap();
    (file.size, file.content) = (SOURCE.len() as u64, Some((media_type, Shelves::checksum(SOURCE))));
    file
}

fn image(number: u64, side: u32) -> FileImage {
    let media_type = MediaType::parse("image/webp").unwrap();
    let content = FileContent { size: SMALLER.len() as u64, media_type, checksum: Shelves::checksum(SMALLER) };
    FileImage { id: file_id(number), file_id: file_id(1), side, content, created_at: picture().created_at }
}

/// A scaler that answers each call with the next of these.
fn scaler(answers: Vec<Result<(), ScaleError>>) -> Arc<MockImageScaler> {
    let (mut scaler, answers) = (MockImageScaler::new(), Mutex::new(answers.into_iter()));
    scaler.expect_scale().returning(move |_, _, _| {
        let next = answers.lock().unwrap().next().expect("no further call of the scaler");
        next.map(|()| ScaledImage { media_type: MediaType::parse("image/webp").unwrap(), content: SMALLER.to_vec() })
    });
    Arc::new(scaler)
}

fn found(image: Option<FileImage>) -> MockFileQueries {
    let mut files = MockFileQueries::new();
    files.expect_find_image().returning(move |_, _| Ok(image.clone()));
    files.expect_find_file().returning(|_| Ok(Some(picture())));
    files
}

struct Scene {
    get_image: GetImage,
    shelves: Shelves,
}

fn scene(units: Vec<MockFilesTx>, files: MockFileQueries, answers: Vec<Result<(), ScaleError>>) -> Scene {
    let shelves = Shelves::default();
    shelves.put(file_id(1), SOURCE);
    let policy = ImagePolicy { sizes: ImageSizes::parse("small:480,large:1920").unwrap(), most_bytes: 100 };
    let stores = (Scripted::of(units) as Arc<_>, Arc::new(files) as Arc<_>);
    let blobs = Arc::new(shelves.clone());
    let get_image = GetImage::new(stores, blobs, scaler(answers), fixed_runtime().0, policy);
    Scene { get_image, shelves }
}

impl Scene {
    async fn get(&self, size: &str) -> Result<SizedImage, GetImageError> {
        self.get_image.execute(&FileView::of(&picture()).unwrap(), size).await
    }

    /// The ids of the contents besides that of the file.
    fn kept(&self) -> Vec<FileId> {
        self.shelves.contents().into_iter().map(|(id, _)| id).filter(|id| *id != file_id(1)).collect()
    }
}

fn outcome(got: Result<SizedImage, GetImageError>) -> &'static str {
    code(&got.map(drop))
}

#[tokio::test]
async fn the_first_request_keeps_a_picture_and_a_later_one_finds_it() {
    let cabinet = Cabinet { files: vec![picture()], ..Cabinet::default() };
    let scene = scene(vec![cabinet.open()], found(None), vec![Ok(())]);
    let sized = scene.get("small").await.ok().unwrap();
    let row: FileImage = cabinet.seen.one("images.insert");
    assert!(sized.is_new && sized.shown.is_sized());
    assert_eq!((row.file_id, row.side, row.id), (file_id(1), 480, sized.shown.content_id));
    assert_eq!((scene.kept(), cabinet.seen.endings()), (vec![row.id], vec![Ending::Committed]));
    let shown = &sized.shown.file;
    assert_eq!((shown.id, shown.size, shown.media_type.as_str()), (file_id(1), SMALLER.len() as u64, "image/webp"));
    assert!(shown.name.as_str().ends_with(".webp"), "{}", shown.name.as_str());

    let later = self::scene(vec![], found(Some(row.clone())), vec![]).get("small").await.ok().unwrap();
    assert_eq!((later.is_new, later.shown), (false, sized.shown));
}

#[tokio::test]
async fn what_is_not_a_small_enough_picture_or_not_a_size_is_refused_before_it_is_read() {
    let scene = scene(vec![], MockFileQueries::new(), vec![]);
    let view = |file: &File| FileView::of(file).unwrap();
    let refused = scene.get("huge").await.err().unwrap();
    assert!(refused.to_string().contains("small, large"), "{refused}");
    assert_eq!(outcome(scene.get("huge").await), "unknown_image_size");
    assert_eq!(outcome(scene.get_image.execute(&view(&file(1)), "small").await), "not_an_image");
    let large = File { size: 101, ..picture() };
    assert_eq!(outcome(scene.get_image.execute(&view(&large), "small").await), "image_too_large");
}

#[tokio::test]
async fn a_file_that_was_deleted_meanwhile_gets_no_picture() {
    for files in [vec![], vec![File { state: FileState::Deleted, ..picture() }]] {
        let cabinet = Cabinet { files, ..Cabinet::default() };
        let scene = scene(vec![cabinet.open()], found(None), vec![Ok(())]);
        assert_eq!(outcome(scene.get("small").await), "not_found");
        assert_eq!((scene.kept(), cabinet.seen.endings()), (vec![], vec![Ending::RolledBack]), "nothing is left");
    }
}

#[tokio::test]
async fn a_picture_that_another_instance_has_kept_is_shown_and_the_own_one_is_deleted() {
    let cabinet = Cabinet { files: vec![picture()], images: vec![image(9, 480)], ..Cabinet::default() };
    let scene = scene(vec![cabinet.open()], found(None), vec![Ok(())]);
    let sized = scene.get("small").await.ok().unwrap();
    assert_eq!(sized.shown.content_id, file_id(9));
    assert_eq!((scene.kept(), cabinet.seen.all::<FileImage>("images.insert")), (vec![], vec![]));
}

#[tokio::test]
async fn a_new_picture_takes_the_place_of_those_whose_sizes_are_gone() {
    let images = vec![image(7, 100), image(8, 1_920)];
    let cabinet = Cabinet { files: vec![picture()], images, ..Cabinet::default() };
    let scene = scene(vec![cabinet.open()], found(None), vec![Ok(())]);
    scene.shelves.put(file_id(7), SMALLER);
    scene.shelves.put(file_id(8), SMALLER);
    let sized = scene.get("small").await.ok().unwrap();
    assert_eq!(cabinet.seen.all::<FileId>("images.delete_many"), [file_id(7)]);
    let mut kept = scene.kept();
    kept.sort_by_key(|id| id.uuid());
    let mut expected = vec![file_id(8), sized.shown.content_id];
    expected.sort_by_key(|id| id.uuid());
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn a_content_that_cannot_be_read_as_a_picture_is_read_once_only() {
    let unreadable = scene(vec![], found(None), vec![Err(ScaleError::Unreadable("x".into()))]);
    for size in ["small", "small", "large"] {
        assert_eq!(outcome(unreadable.get(size).await), "image_unreadable");
    }
    let cabinet = Cabinet { files: vec![picture()], ..Cabinet::default() };
    let large = scene(vec![cabinet.open()], found(None), vec![Err(ScaleError::TooLarge), Ok(())]);
    for (size, expected) in [("large", "image_too_large"), ("large", "image_too_large"), ("small", "ok")] {
        assert_eq!(outcome(large.get(size).await), expected, "a smaller size needs less memory");
    }
    let again = || Err(ScaleError::Busy);
    let cabinet = Cabinet { files: vec![picture()], ..Cabinet::default() };
    let scene = scene(vec![cabinet.open()], found(None), vec![again(), again(), Ok(())]);
    for expected in ["scalers_busy", "scalers_busy", "ok"] {
        assert_eq!(outcome(scene.get("small").await), expected, "a busy server is asked again");
    }
}

#[test]
fn the_bytes_of_a_picture_in_a_size_are_bounded_by_those_of_its_source() {
    let sizes = ImageSizes::parse("small:480").unwrap();
    let of = |source| ImageBounds::of(sizes.find("small").unwrap(), source);
    assert_eq!(of(0), ImageBounds { side: 480, bytes: 65_536 });
    assert_eq!(of(1_000_000).bytes, 8_065_536);
    assert_eq!(of(u64::MAX).bytes, u64::MAX);
}

#[tokio::test]
async fn requests_for_the_same_picture_wait_for_the_first_one() {
    let flights = Flights::default();
    let first = flights.begin((file_id(1), 480)).await.unwrap();
    assert!(flights.begin((file_id(1), 960)).await.is_some() && flights.begin((file_id(2), 480)).await.is_some());
    let mut second = std::pin::pin!(flights.begin((file_id(1), 480)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut context).is_pending());
    drop(first);
    assert!(matches!(second.as_mut().poll(&mut context), std::task::Poll::Ready(None)), "it looks again");
    assert!(flights.begin((file_id(1), 480)).await.is_some());
}

fn deleted() -> (File, FileUsage) {
    let file = File { state: FileState::Deleted, ..picture() };
    (file.clone(), FileUsage { files: 1, bytes: file.size, ..FileUsage::none(file.owner_id) })
}

#[tokio::test]
async fn the_pictures_of_a_file_go_with_it() {
    let (file, usage) = deleted();
    let images = vec![image(8, 480), image(9, 960), FileImage { file_id: file_id(2), ..image(7, 480) }];
    let cabinet = Cabinet { files: vec![file], images, usage: Some(usage), ..Cabinet::default() };
    let shelves = Shelves::default();
    for number in [1, 7, 8, 9] {
        shelves.put(file_id(number), SMALLER);
    }
    let store = Scripted::of([cabinet.open(), cabinet.open()]);
    let remove = RemoveFiles::new(store, Arc::new(shelves.clone()), fixed_runtime().0);
    assert!(remove.remove(file_id(1)).await.unwrap());
    assert_eq!(shelves.contents().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [file_id(7)]);
    assert_eq!(cabinet.seen.all::<FileId>("images.delete_many"), [file_id(8), file_id(9)]);
    let order: Vec<_> = cabinet.seen.calls().into_iter().filter(|call| call.contains("delete")).collect();
    assert_eq!(order, ["images.delete_many", "files.delete"], "the rows in one unit of work");
}

#[tokio::test]
async fn a_picture_that_was_stored_during_a_deletion_is_found_by_the_next_look() {
    let (file, usage) = deleted();
    let before = Cabinet { files: vec![file], usage: Some(usage), ..Cabinet::default() };
    let after = Cabinet { images: vec![image(9, 480)], ..before.clone() };
    let mut late = before.looking();
    late.file_usage.expect_save().returning(|usage| Ok(usage.version.next()));
    let constraint = constraints::FILE_IMAGE_FILE;
    late.files.expect_delete().returning(move |_| Err(crate::kernel::StoreError::Referenced { constraint }));
    let shelves = Shelves::default();
    shelves.put(file_id(9), SMALLER);
    let store = Scripted::of([before.open(), late, after.open(), after.open()]);
    let remove = RemoveFiles::new(store, Arc::new(shelves.clone()), fixed_runtime().0);
    assert!(remove.remove(file_id(1)).await.unwrap());
    assert_eq!((shelves.contents(), after.seen.all::<FileId>("images.delete_many")), (vec![], vec![file_id(9)]));
}

#[tokio::test]
async fn a_picture_without_its_content_is_forgotten() {
    let cabinet = Cabinet::default();
    let scene = scene(vec![cabinet.open()], found(Some(image(9, 480))), vec![]);
    scene.shelves.put(file_id(9), b"damaged");
    let sized = scene.get("small").await.ok().unwrap();
    scene.get_image.forget(&sized.shown).await.unwrap();
    assert_eq!((cabinet.seen.one::<FileId>("images.delete_many"), scene.kept()), (file_id(9), vec![]));
    let whole = ShownContent::whole(FileView::of(&picture()).unwrap());
    scene.get_image.forget(&whole).await.unwrap();
    assert_eq!(scene.shelves.contents().len(), 1, "the content of a file is never deleted here");
}
