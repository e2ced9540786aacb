use super::*;
use crate::{
    kernel::{Key, TxMode, UseCase},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    access::Role,
    files::{File, FilePurpose, FileState, FileVisibility},
    shared::{BuiltInRole, Text, Timestamp, Version},
};

type Units = std::sync::Arc<Scripted<dyn CatalogTx>>;

fn shelf() -> Shelf {
    let files = (1..=20).map(picture_file).collect();
    Shelf { product: Some(product(1, eur(500))), files, ..Default::default() }
}

fn archived() -> Shelf {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().archive(Timestamp::MIN);
    shelf
}

/// The shelf with one more file.
fn shelf_with(file: File) -> Shelf {
    let mut shelf = shelf();
    shelf.files.push(file);
    shelf
}

fn set_pictures(units: &Units) -> UseCase<SetPictures> {
    use_case(SetPictures, units)
}

fn input(n: u64, alt: &str) -> PictureInput {
    PictureInput { file_id: file_id(n), alt: alt.to_owned() }
}

fn picture(n: u64, alt: &str) -> Picture {
    Picture { file_id: file_id(n), alt: Text::stored(alt.to_owned()) }
}

fn command(pictures: Vec<PictureInput>) -> SetPicturesCommand {
    let precondition = Precondition::version(Version::FIRST);
    SetPicturesCommand { product_id: product_id(1), precondition, pictures }
}

async fn set(units: &Units, actor: &Actor, pictures: Vec<PictureInput>) -> Result<Product, SetPicturesError> {
    set_pictures(units).execute(actor, command(pictures)).await
}

/// The field errors of an admin that sets these pictures.
async fn faults(shelf: &Shelf, pictures: Vec<PictureInput>) -> Vec<(String, &'static str)> {
    faults_for(shelf, &admin(), pictures).await
}

async fn faults_for(shelf: &Shelf, actor: &Actor, pictures: Vec<PictureInput>) -> Vec<(String, &'static str)> {
    let refusal = set(&Scripted::of([shelf.looking()]), actor, pictures).await;
    assert_eq!(shelf.seen.endings(), [Ending::RolledBack]);
    let (code, errors) = problem(&refusal);
    assert_eq!(code, "validation_failed");
    errors.into_iter().map(|(pointer, code)| (pointer.to_owned(), code)).collect()
}

fn at(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[tokio::test]
async fn pictures_raise_the_version_and_record_one_event() {
    let shelf = shelf();
    let units = Scripted::of([shelf.open()]);
    let view = set(&units, &admin(), vec![input(2, " A jar "), input(1, "")]).await.unwrap();
    let pictures = vec![picture(2, "A jar"), picture(1, "")];
    assert_eq!((&view.pictures, view.version), (&pictures, Version::FIRST.next()));
    let saved = shelf.seen.one::<Product>("products.save");
    assert_eq!((saved.version, saved.pictures), (Version::FIRST, pictures), "saved over the read version");
    assert_eq!(shelf.seen.all::<FileId>("files.find_many"), [file_id(2), file_id(1)], "one statement for all files");
    let event = shelf.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("catalog.product_changed.v1", view.version));
    assert_eq!(shelf.seen.payload(), json!({ "product_id": product_id(1), "sku": "honey-1", "price": eur(500) }));
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key(product_id(1).uuid())])]);
}

#[tokio::test]
async fn the_same_pictures_keep_the_version_even_if_their_file_is_gone() {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().pictures = vec![picture(77, "Gone"), picture(1, "")];
    let view = set(&Scripted::of([shelf.looking()]), &admin(), vec![input(77, "Gone"), input(1, "")]).await.unwrap();
    assert_eq!(view, shelf.product.clone().unwrap());
    assert_eq!(shelf.seen.endings(), [Ending::Committed]);
    let other = faults(&Shelf { seen: Seen::default(), ..shelf }, vec![input(1, ""), input(77, "Gone")]).await;
    assert_eq!(other, at("/pictures/1/file_id", "unknown_file"), "a change judges every file");
}

#[tokio::test]
async fn without_pictures_no_file_is_read() {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().pictures = vec![picture(1, "")];
    let view = set(&Scripted::of([shelf.open()]), &admin(), vec![]).await.unwrap();
    assert_eq!((view.pictures, view.version), (vec![], Version::FIRST.next()));
    assert!(!shelf.seen.calls().contains(&"files.find_many"));
}

#[tokio::test]
async fn there_are_at_most_twelve_and_no_file_twice() {
    let twelve = || (1..=12).map(|n| input(n, "")).collect::<Vec<_>>();
    set(&Scripted::of([shelf().open()]), &admin(), twelve()).await.unwrap();
    let thirteen = twelve().into_iter().chain([input(13, "")]).collect();
    assert_eq!(faults(&shelf(), thirteen).await, at("/pictures", "too_many"));
    let repeated = vec![input(1, "a"), input(2, ""), input(1, "b")];
    assert_eq!(faults(&shelf(), repeated).await, at("/pictures/2/file_id", "repeated_file"));
}

#[tokio::test]
async fn every_alternative_text_that_is_wrong_is_reported() {
    let long = "a".repeat(251);
    let wrong = faults(&shelf(), vec![input(1, "a\nb"), input(2, "fine"), input(3, &long)]).await;
    let expected = ["/pictures/0/alt", "/pictures/2/alt"].map(|pointer| (pointer.to_owned(), "invalid_text"));
    assert_eq!(wrong, expected);
}

#[tokio::test]
async fn a_file_is_a_ready_public_image() {
    let mut deleted = picture_file(50);
    deleted.remove(Timestamp::MIN);
    let private = File { visibility: FileVisibility::Private, ..picture_file(50) };
    let attachment = File { purpose: FilePurpose::Attachment, ..picture_file(50) };
    let in_state = |state| File { state, ..picture_file(50) };
    for (file, code) in [
        (deleted, "unknown_file"),
        (in_state(FileState::Quarantined), "file_quarantined"),
        (in_state(FileState::Infected), "unknown_file"),
        (private, "file_not_public"),
        (attachment, "file_not_image"),
        (file(51), "unknown_file"),
    ] {
        let found = faults(&shelf_with(file), vec![input(1, ""), input(50, "")]).await;
        assert_eq!(found, at("/pictures/1/file_id", code));
    }
}

/// An editor may change products, but sees no private files of other users.
#[tokio::test]
async fn a_file_that_the_caller_does_not_see_counts_as_missing() {
    let editor = actor(2, &[Role::BuiltIn(BuiltInRole::Editor)]);
    let private = |owner| File { visibility: FileVisibility::Private, owner_id: user_id(owner), ..picture_file(50) };
    let of_another = faults_for(&shelf_with(private(1)), &editor, vec![input(50, "")]).await;
    let missing = faults_for(&shelf(), &editor, vec![input(50, "")]).await;
    assert_eq!((&of_another, &missing), (&at("/pictures/0/file_id", "unknown_file"), &of_another));
    let own = faults_for(&shelf_with(private(2)), &editor, vec![input(50, "")]).await;
    assert_eq!(own, at("/pictures/0/file_id", "file_not_public"));
}

#[tokio::test]
async fn not_found_is_reported_before_the_precondition_and_the_precondition_before_the_values() {
    let ask = async |shelf: Shelf, precondition| {
        let command = SetPicturesCommand { precondition, ..command(vec![input(1, "a\nb")]) };
        let refusal = set_pictures(&Scripted::of([shelf.looking()])).execute(&admin(), command).await;
        code(&refusal)
    };
    let other = Precondition::version(Version::FIRST.next());
    assert_eq!(ask(archived(), other.clone()).await, "not_found");
    assert_eq!(ask(Shelf::default(), other.clone()).await, "not_found");
    assert_eq!(ask(shelf(), other).await, "precondition_failed");
    assert_eq!(ask(shelf(), Precondition::Missing).await, "precondition_required");
    assert_eq!(ask(shelf(), Precondition::version(Version::FIRST)).await, "validation_failed");
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&shelf(), || SetPictures, &admin(), || command(vec![input(1, "")])).await;
}

#[test]
fn the_stored_form_of_the_command_and_the_answer_does_not_change() {
    let json = format!(
        r#"{{"product_id":"{}","precondition":{{"OneOf":[1]}},"pictures":[{{"file_id":"{}","alt":"A jar"}}]}}"#,
        product_id(1),
        file_id(1)
    );
    assert_eq!(serde_json::to_string(&command(vec![input(1, "A jar")])).unwrap(), json);
    let shown = Product { pictures: vec![picture(1, "A jar")], ..product(1, eur(500)) };
    let stored = serde_json::to_string(&shown).unwrap();
    assert!(stored.contains(&format!(r#""pictures":[{{"file_id":"{}","alt":"A jar"}}]"#, file_id(1))), "{stored}");
    assert_eq!(serde_json::from_str::<Product>(&stored).unwrap(), shown);
}
