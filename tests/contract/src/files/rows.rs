//! `FileRepository` and `FileQueries`.

use super::{FileRows, FileRowsUnit};
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    laws::{
        Batched, Deleted, Entity, Listed, Owned, Shown, Unique, Versioned, batches, deletes, lists, put, save, saves,
        shows,
    },
    sample,
    units::look,
    world,
};
use async_trait::async_trait;
use skep_application::{
    files::{
        constraints::{FILE_ID, FILE_UPLOAD_LINK},
        file_position,
    },
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    files::{
        Appender, Checksum, File, FileContent, FileId, FileName, FilePurpose, FileState, FileVisibility,
        INFECTED_KEPT_MILLIS, MediaType, Resumable, ThreatName, UploadLinkId, UploadMetadata, Verdict,
    },
    shared::{Direction, LeaseToken, PageLimit, Timestamp, UserId, Version},
};
use uuid::Uuid;

clauses! { clauses of "files" on dyn FileRows, with [
        saves::clauses::<File>("files"),
        batches::clauses::<File>("files"),
        deletes::clauses::<File>("files"),
        shows::clauses::<File>("file_queries"),
        lists::clauses::<File>("file_queries"),
        lists::scoped::<File>("file_queries"),
        lists::leaving::<File>("file_queries"),
    ]:
    every_state_purpose_and_audience_survives,
    a_file_is_found_by_its_link ["FileRepository 2"],
    only_files_that_are_ready_are_listed ["FileQueries 1"],
    deleted_files_and_old_uploads_are_removable ["FileQueries 2"],
    known_ids_are_found_and_no_others ["FileQueries 3"],
    only_open_uploads_in_pieces_are_listed_as_such ["FileQueries 4"],
    the_files_of_a_user_are_found_in_any_state ["FileQueries 5"],
    ready_files_expire_at_their_time ["FileQueries 6"],
    only_files_that_wait_for_a_verdict_are_quarantined ["FileQueries 8"],
    a_verdict_is_kept_and_an_infected_file_is_removable_later ["FileQueries 2"],
}

pub(super) type Given = clause::Given<dyn FileRows>;

pub(super) fn upload(owner: UserId, began: Timestamp) -> Checked<File> {
    let (id, name) = (FileId::new(world::uuid()), FileName::parse("report.txt")?);
    Ok(File::begin(id, owner, FilePurpose::Attachment, FileVisibility::Private, name, 5_000, began))
}

fn ready(owner: UserId, began: Timestamp) -> Checked<File> {
    let mut file = upload(owner, began)?;
    let (media_type, checksum) = (MediaType::parse("text/plain")?, Checksum::new([0xA7; 32]));
    file.complete(None, FileContent { size: 4_321, media_type, checksum }, began)?;
    Ok(file)
}

fn in_pieces(metadata: &str, (offset, expires_at): (u64, Timestamp), appender: Option<Appender>) -> Checked<File> {
    let mut file = upload(sample::user_id(), sample::at(0))?.in_pieces(UploadMetadata::parse(metadata)?, expires_at);
    file.resumable = file.resumable.map(|known| Resumable { offset, appender, ..known });
    Ok(file)
}

#[async_trait]
impl Entity for File {
    type Id = FileId;
    type Store = dyn FileRows;
    type Tx = dyn FileRowsUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: FILE_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: FILE_UPLOAD_LINK, collide: |one, other| other.upload_link = one.upload_link, on_save: true },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        let metadata = UploadMetadata::parse("filename cmVwb3J0LnR4dA==")?;
        let link = UploadLinkId::new(world::uuid());
        Ok(ready(sample::user_id(), sample::at(0))?.in_pieces(metadata, sample::at(77)).by_link(link))
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let name = |text: String| FileName::stored(text);
        let first = ready(sample::user_id(), Timestamp::MAX)?;
        let content = Some((MediaType::stored("a".repeat(127)), Checksum::new([0xFF; 32])));
        Ok(vec![
            Self { name: name("\u{10FFFD}".repeat(255)), size: i64::MAX.unsigned_abs(), content, ..first },
            Self {
                name: name("'; DROP TABLE files; --".to_owned()),
                size: 0,
                ..ready(sample::user_id(), Timestamp::MIN)?
            },
            Self { size: sample::BEYOND_DOUBLE.unsigned_abs(), ..upload(sample::user_id(), sample::at(-1))? },
            in_pieces("", (0, Timestamp::MIN), None)?,
            in_pieces(
                &"~ =".repeat(1_365),
                (i64::MAX.unsigned_abs(), Timestamp::MAX),
                Some(Appender { token: LeaseToken::new(Uuid::max()), until: Timestamp::MAX }),
            )?,
            in_pieces(
                "a",
                (sample::BEYOND_DOUBLE.unsigned_abs(), sample::at(0)),
                Some(Appender { token: LeaseToken::new(Uuid::nil()), until: Timestamp::MIN }),
            )?,
        ])
    }

    fn id(&self) -> FileId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: FileId) -> Result<Option<Self>, StoreError> {
        tx.files().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.files().insert(self).await
    }
}

#[async_trait]
impl Versioned for File {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let place = usize::try_from(round)?;
        self.size = u64::try_from(1_000 * round)?;
        self.state = FileState::ALL[place % FileState::ALL.len()];
        self.content = if round % 2 == 0 {
            None
        } else {
            let digit = u8::try_from(round % 250)?;
            Some((MediaType::parse(&format!("image/{round}"))?, Checksum::new([digit; 32])))
        };
        if let Some(resumable) = &mut self.resumable {
            let token = LeaseToken::new(Uuid::from_u128(u128::from(round.unsigned_abs())));
            resumable.offset = 7 * round.unsigned_abs();
            resumable.appender = (round % 3 != 0).then(|| Appender { token, until: sample::at(10 * round) });
        }
        self.delete_at = (round % 3 != 1).then(|| sample::at(1_000 * round));
        self.upload_link = (round % 2 == 0).then(|| UploadLinkId::new(world::uuid()));
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.files().save(self).await
    }
}

#[async_trait]
impl Batched for File {
    async fn find_many(tx: &mut Self::Tx, ids: &[FileId]) -> Result<Vec<Self>, StoreError> {
        tx.files().find_many(ids).await
    }
}

#[async_trait]
impl Deleted for File {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.files().delete(self).await
    }
}

#[async_trait]
impl Shown for File {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: FileId) -> Result<Option<Self>, StoreError> {
        store.queries().find_file(id).await
    }
}

impl Owned for File {
    fn owner(&self) -> UserId {
        self.owner_id
    }
}

#[async_trait]
impl Listed for File {
    type Sort = ();
    const SORTS: &'static [()] = &[()];

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        // Three files share each time, so that their ids break the tie.
        ready(sample::user_id(), sample::at(number / 3 * 10))
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut files = Vec::new();
        for began in sample::edges_of_time()? {
            files.push(ready(sample::user_id(), began)?);
        }
        Ok(files)
    }

    fn place((): (), row: &Self) -> Position {
        file_position(row)
    }

    async fn list(
        store: &Self::Store,
        scope: Scope,
        (): (),
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.queries().list_files(scope, direction, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        let mut file = self.clone();
        file.remove(sample::at(9_000));
        tx.files().save(&file).await?;
        Ok(true)
    }

    fn give(&mut self, owner: UserId) {
        self.owner_id = owner;
    }
}

async fn every_state_purpose_and_audience_survives(given: &Given) -> Checked {
    for state in FileState::ALL {
        for purpose in FilePurpose::ALL {
            for visibility in FileVisibility::ALL {
                let (state, purpose, visibility) = (*state, *purpose, *visibility);
                let file = File { state, purpose, visibility, ..ready(sample::user_id(), sample::at(0))? };
                put(&*given.store, std::slice::from_ref(&file)).await?;
                equal(given.store.queries().find_file(file.id).await?, Some(file))?;
            }
        }
    }
    Ok(())
}

async fn a_file_is_found_by_its_link(given: &Given) -> Checked {
    let [link, other, unused] = [(); 3].map(|()| UploadLinkId::new(world::uuid()));
    let find =
        async |link| Checked::Ok(look!(given.store, tx => tx.files().find_by_link(link).await?)?.map(|file| file.id));
    let uploading = upload(sample::user_id(), sample::at(0))?.by_link(link);
    let stored = ready(sample::user_id(), sample::at(0))?.by_link(other);
    let (without, plain) = (upload(sample::user_id(), sample::at(0))?, ready(sample::user_id(), sample::at(0))?);
    put(&*given.store, &[uploading.clone(), stored.clone(), without, plain]).await?;
    equal(find(link).await?, Some(uploading.id))?;
    equal(find(other).await?, Some(stored.id))?;
    equal(find(unused).await?, None)?;
    let mut given_up = uploading;
    given_up.remove(sample::at(1));
    save(&*given.store, &given_up).await?;
    equal(find(link).await?, None)
}

async fn only_files_that_are_ready_are_listed(given: &Given) -> Checked {
    let owner = sample::user_id();
    let (shown, hidden) = (ready(owner, sample::at(0))?, upload(owner, sample::at(1))?);
    let mut deleted = ready(owner, sample::at(2))?;
    deleted.remove(sample::at(3));
    put(&*given.store, &[shown.clone(), hidden.clone(), deleted]).await?;
    let listed = async |scope| -> Checked<Vec<File>> {
        let request = PageRequest { count_up_to: Some(10), ..PageRequest::default() };
        let page = given.store.queries().list_files(scope, Direction::Ascending, &request).await?;
        equal(page.total.map(|total| total.count), Some(page.items.len() as u64))?;
        Ok(page.items)
    };
    equal(listed(Scope::OwnedBy(owner)).await?, vec![shown.clone()])?;
    equal(listed(Scope::All).await?, vec![shown.clone()])?;
    equal(listed(Scope::OwnedBy(sample::user_id())).await?, vec![])?;
    equal(listed(Scope::None).await?, vec![])?;

    let mut late = hidden;
    late.complete(
        None,
        FileContent { size: 1, media_type: MediaType::parse("a/b")?, checksum: Checksum::new([0; 32]) },
        sample::at(4),
    )?;
    late.version = save(&*given.store, &late).await?;
    equal(listed(Scope::OwnedBy(owner)).await?, vec![shown, late])
}

async fn deleted_files_and_old_uploads_are_removable(given: &Given) -> Checked {
    let owner = sample::user_id();
    let in_pieces = |began, ends| -> Checked<File> {
        Ok(upload(owner, sample::at(began))?.in_pieces(UploadMetadata::parse("")?, sample::at(ends)))
    };
    let (old, edge, new) =
        (upload(owner, sample::at(-5))?, upload(owner, sample::at(0))?, upload(owner, sample::at(1))?);
    let (expired, open) = (in_pieces(40, 50)?, in_pieces(-50, 51)?);
    let mut complete = ready(owner, sample::at(-9))?.in_pieces(UploadMetadata::parse("")?, sample::at(-8));
    complete.size = 1;
    let mut deleted = ready(owner, sample::at(50))?;
    deleted.remove(sample::at(60));
    let mut given_up = upload(owner, sample::at(70))?;
    given_up.remove(sample::at(80));
    let removable = [&old, &edge, &deleted, &given_up, &expired];
    let mut expected: Vec<FileId> = removable.iter().map(|file| file.id).collect();
    expected.sort_by_key(|id| id.uuid());
    let (deleted_ids, in_pieces_ids) = ([deleted.id, given_up.id], [expired.id, open.id]);
    let files = [new, given_up, ready(owner, sample::at(-9))?, edge, open, complete, deleted, expired, old];
    put(&*given.store, &files).await?;
    let list = async |after, limit| {
        given.store.queries().list_removable_files(sample::at(0), sample::at(50), after, limit).await
    };
    equal(list(None, 9).await?, expected.clone())?;
    equal(list(None, 2).await?, expected[..2].to_vec())?;
    equal(list(Some(expected[1]), 3).await?, expected[2..].to_vec())?;
    equal(list(Some(expected[4]), 2).await?, vec![])?;

    // At the last of all times, every upload in pieces has expired, and at the first one, no other upload is old.
    let mut expected = [deleted_ids, in_pieces_ids].concat();
    expected.sort_by_key(|id| id.uuid());
    let all = given.store.queries().list_removable_files(Timestamp::MIN, Timestamp::MAX, None, 9).await?;
    equal(all, expected)
}

async fn ready_files_expire_at_their_time(given: &Given) -> Checked {
    let owner = sample::user_id();
    let until = |delete_at: i64| -> Checked<File> {
        Ok(File { delete_at: Some(sample::at(delete_at)), ..ready(owner, sample::at(delete_at - 10))? })
    };
    let (late, edge, early) = (until(51)?, until(50)?, until(20)?);
    let mut same = [until(30)?, until(30)?];
    same.sort_by_key(|file| file.id.uuid());
    let mut deleted = until(5)?;
    deleted.remove(sample::at(6));
    let began = File { delete_at: Some(sample::at(1)), ..upload(owner, sample::at(0))? };
    let kept = ready(owner, sample::at(0))?;
    put(&*given.store, &[late, edge.clone(), kept, same[1].clone(), deleted, early.clone(), same[0].clone()]).await?;
    put(&*given.store, std::slice::from_ref(&began)).await?;
    let list = async |limit| given.store.queries().list_expired_files(sample::at(50), limit).await;
    let expired = [early.id, same[0].id, same[1].id, edge.id];
    equal(list(9).await?, expired.to_vec())?;
    equal(list(2).await?, expired[..2].to_vec())?;
    equal(given.store.queries().list_expired_files(sample::at(19), 9).await?, vec![])?;

    // The time is saved with the content.
    let mut complete = File { delete_at: Some(sample::at(2)), ..began };
    complete.complete(
        None,
        FileContent { size: 1, media_type: MediaType::parse("a/b")?, checksum: Checksum::new([0; 32]) },
        sample::at(4),
    )?;
    complete.version = save(&*given.store, &complete).await?;
    equal(given.store.queries().find_file(complete.id).await?, Some(complete.clone()))?;
    equal(list(1).await?, vec![complete.id])
}

fn quarantined(owner: UserId, began: Timestamp) -> Checked<File> {
    let mut file = upload(owner, began)?;
    let (media_type, checksum) = (MediaType::parse("text/plain")?, Checksum::new([0xA7; 32]));
    file.quarantine(None, FileContent { size: 4_321, media_type, checksum }, began)?;
    Ok(file)
}

async fn only_files_that_wait_for_a_verdict_are_quarantined(given: &Given) -> Checked {
    let owner = sample::user_id();
    let mut waiting = Vec::new();
    for began in 0..3 {
        waiting.push(quarantined(owner, sample::at(began))?);
    }
    waiting.push(quarantined(sample::user_id(), sample::at(0))?);
    waiting.sort_by_key(|file| file.id.uuid());
    let mut judged = [quarantined(owner, sample::at(0))?, quarantined(owner, sample::at(0))?];
    judged[0].judge(&Verdict::Clean, sample::at(1))?;
    judged[1].judge(&Verdict::Infected(ThreatName::of("Eicar")), sample::at(1))?;
    let mut deleted = quarantined(owner, sample::at(0))?;
    deleted.remove(sample::at(1));
    put(&*given.store, &[upload(owner, sample::at(0))?, deleted, ready(owner, sample::at(0))?]).await?;
    put(&*given.store, &[judged.as_slice(), &[waiting[2].clone(), waiting[0].clone()]].concat()).await?;
    put(&*given.store, &[waiting[3].clone(), waiting[1].clone()]).await?;
    let ids: Vec<FileId> = waiting.iter().map(|file| file.id).collect();
    let list = async |after, limit| given.store.queries().list_quarantined_files(after, limit).await;
    equal(list(None, 9).await?, ids.clone())?;
    equal(list(None, 2).await?, ids[..2].to_vec())?;
    equal(list(Some(ids[1]), 9).await?, ids[2..].to_vec())?;
    equal(list(Some(ids[3]), 9).await?, vec![])?;
    // However old they are, no sweep removes them.
    let all = given.store.queries().list_removable_files(Timestamp::MAX, Timestamp::MAX, None, 9).await?;
    equal(waiting.iter().filter(|file| all.contains(&file.id)).count(), 0)
}

async fn a_verdict_is_kept_and_an_infected_file_is_removable_later(given: &Given) -> Checked {
    let owner = sample::user_id();
    let metadata = UploadMetadata::parse("")?;
    let mut files = [
        quarantined(owner, sample::at(0))?,
        quarantined(owner, sample::at(0))?.in_pieces(metadata.clone(), sample::at(5)),
        quarantined(owner, sample::at(0))?,
    ];
    put(&*given.store, &files).await?;
    let end = 10 + INFECTED_KEPT_MILLIS;
    for (file, verdict, at) in [
        (0, Verdict::Infected(ThreatName::of("Eicar")), 10),
        (1, Verdict::Infected(ThreatName::of("Eicar")), 11),
        (2, Verdict::Clean, 10),
    ] {
        let file = &mut files[file];
        file.judge(&verdict, sample::at(at))?;
        file.version = save(&*given.store, file).await?;
        equal(given.store.queries().find_file(file.id).await?, Some(file.clone()))?;
    }
    let list = async |now| -> Checked<Vec<FileId>> {
        Ok(given.store.queries().list_removable_files(sample::at(0), sample::at(now), None, 9).await?)
    };
    equal(list(end - 1).await?, vec![])?;
    equal(list(end).await?, vec![files[0].id])?;
    let mut both = vec![files[0].id, files[1].id];
    both.sort_by_key(|id| id.uuid());
    equal(list(end + 1).await?, both)?;
    // Only files that are ready are listed, and only they expire.
    let (scope, request) = (Scope::OwnedBy(owner), PageRequest::default());
    let page = given.store.queries().list_files(scope, Direction::Ascending, &request).await?;
    equal(page.items, vec![files[2].clone()])?;
    equal(given.store.queries().list_expired_files(sample::at(end + 1), 9).await?, vec![])
}

async fn the_files_of_a_user_are_found_in_any_state(given: &Given) -> Checked {
    let (owner, other) = (sample::user_id(), sample::user_id());
    let mut deleted = ready(owner, sample::at(1))?;
    deleted.remove(sample::at(2));
    let in_pieces = upload(owner, sample::at(3))?.in_pieces(UploadMetadata::parse("")?, Timestamp::MAX);
    let files = [ready(owner, sample::at(0))?, upload(owner, sample::at(5))?, in_pieces, deleted];
    put(&*given.store, &files).await?;
    put(&*given.store, &[ready(other, sample::at(0))?, upload(other, sample::at(0))?]).await?;
    let sorted = |mut ids: Vec<FileId>| {
        ids.sort_by_key(|id| id.uuid());
        ids
    };
    let list = async |limit| given.store.queries().list_files_of(owner, limit).await;
    equal(sorted(list(9).await?), sorted(files.iter().map(|file| file.id).collect()))?;
    equal(list(3).await?.len(), 3)?;
    equal(list(1).await?.len(), 1)?;
    equal(given.store.queries().list_files_of(sample::user_id(), 9).await?, vec![])
}

async fn known_ids_are_found_and_no_others(given: &Given) -> Checked {
    let (one, other) = (ready(sample::user_id(), sample::at(0))?, upload(sample::user_id(), sample::at(0))?);
    put(&*given.store, &[one.clone(), other.clone(), ready(sample::user_id(), sample::at(0))?]).await?;
    let ids = [FileId::new(world::uuid()), one.id, other.id];
    let mut found = given.store.queries().list_known_files(&ids).await?;
    found.sort_by_key(|id| id.uuid());
    let mut expected = ids[1..].to_vec();
    expected.sort_by_key(|id| id.uuid());
    equal(found, expected)?;
    equal(given.store.queries().list_known_files(&ids[..1]).await?, vec![])
}

async fn only_open_uploads_in_pieces_are_listed_as_such(given: &Given) -> Checked {
    let owner = sample::user_id();
    let in_pieces = |owner, began, ends| -> Checked<File> {
        Ok(upload(owner, sample::at(began))?.in_pieces(UploadMetadata::parse("")?, sample::at(ends)))
    };
    let held = Appender { token: LeaseToken::new(world::uuid()), until: sample::at(70) };
    let mut open = vec![in_pieces(owner, 1, 51)?, in_pieces(owner, 2, 90)?, in_pieces(owner, 2, 60)?];
    for file in &mut open[1..] {
        file.resumable = file.resumable.take().map(|known| Resumable { offset: 7, appender: Some(held), ..known });
    }
    open.sort_by_key(|file| (file.created_at, file.id.uuid()));
    let complete = ready(owner, sample::at(3))?.in_pieces(UploadMetadata::parse("")?, sample::at(90));
    let mut given_up = in_pieces(owner, 4, 90)?;
    given_up.remove(sample::at(5));
    let (expired, at_once) = (in_pieces(owner, 6, 50)?, upload(owner, sample::at(7))?);
    let other = in_pieces(sample::user_id(), 8, 90)?;
    put(&*given.store, &[vec![complete, given_up, expired, at_once, other.clone()], open.clone()].concat()).await?;
    let list = async |owner, direction, page: &PageRequest| {
        given.store.queries().list_open_uploads(owner, sample::at(50), direction, page).await
    };
    let all = PageRequest { count_up_to: Some(10), ..PageRequest::default() };
    let listed = list(owner, Direction::Ascending, &all).await?;
    equal((listed.items, listed.total.map(|total| total.count)), (open.clone(), Some(3)))?;
    equal(list(other.owner_id, Direction::Ascending, &all).await?.items, vec![other])?;
    equal(list(sample::user_id(), Direction::Ascending, &all).await?.items, vec![])?;
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut rest = PageRequest { limit: PageLimit::new(2)?, ..PageRequest::default() };
        let mut found = vec![];
        loop {
            let page = list(owner, direction, &rest).await?;
            found.extend(page.items);
            match page.next {
                Some(next) => rest.after = Some(next),
                None => break,
            }
        }
        if direction == Direction::Descending {
            found.reverse();
        }
        equal(found, open.clone())?;
    }
    Ok(())
}
