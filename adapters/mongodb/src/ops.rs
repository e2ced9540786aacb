//! Every command that this store sends, and no other file sends any: each runs in the session, and so in the
//! transaction if there is one. A command without its session would escape the transaction silently.

#![expect(clippy::disallowed_methods, reason = "this is the one file that may call them")]

use crate::{
    error::{self, CommitFailure},
    observe::{Observer, Operation, WatchedUnit},
    record::{Record, decode},
};
use bson::{Bson, Document, RawDocumentBuf, Timestamp, doc, rawdoc};
use mongodb::{
    Client, ClientSession, Database,
    options::{AggregateOptions, CountOptions, FindOptions, Hint, ReadConcern, WriteConcern},
};
use skep_application::kernel::{PageRequest, StoreError, TxMode, UnitOutcome};
use skep_domain::shared::Direction;
use std::{future::IntoFuture, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// More rows than any unit of work asks for at once, so that an answer is one batch.
const BATCH: u32 = 10_000;
/// How long a commit is repeated when its answer is lost.
const COMMIT_PATIENCE: Duration = Duration::from_secs(3);

/// A question.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) filter: Document,
    pub(crate) sort: Option<Document>,
    pub(crate) limit: Option<i64>,
    /// The fields to read besides the id, if not all.
    pub(crate) projection: Option<Document>,
    /// The index to use, by name.
    pub(crate) hint: Option<&'static str>,
    /// The first key of the index, inclusive.
    pub(crate) min: Option<Document>,
    /// The end of the keys of the index, exclusive.
    pub(crate) max: Option<Document>,
}

impl Query {
    /// All that match.
    pub(crate) fn of(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Sorted so.
    pub(crate) fn by(self, sort: Document) -> Self {
        Self { sort: Some(sort), ..self }
    }

    /// At most so many.
    pub(crate) fn at_most(self, limit: impl Into<i64>) -> Self {
        Self { limit: Some(limit.into()), ..self }
    }

    /// Only the id and these fields of each.
    pub(crate) fn only(self, fields: &[&str]) -> Self {
        let projection = fields.iter().map(|field| ((*field).to_owned(), 1_i32.into())).collect();
        Self { projection: Some(projection), ..self }
    }

    /// The rows of a page and one more, sorted by `field` and id within `filter`, along an index that has both.
    pub(crate) fn listing(
        index: &'static str,
        filter: Document,
        direction: Direction,
        field: &str,
        page: &PageRequest,
    ) -> Self {
        let way = if direction == Direction::Ascending { 1 } else { -1 };
        let limit = i64::try_from(page.limit.get()).unwrap_or(i64::MAX - 1) + 1;
        Self { hint: Some(index), ..Self::of(filter).by(doc! { field: way, "_id": way }).at_most(limit) }
    }

    /// From behind this row on. Said as bounds of the index, whose first fields are those of `within`: the server goes
    /// straight to the row, however deep it is, and however many rows share its value.
    pub(crate) fn after(
        mut self,
        direction: Direction,
        within: Document,
        field: &str,
        value: Bson,
        id: uuid::Uuid,
    ) -> Self {
        let mut row = within.clone();
        row.extend(doc! { field: value, "_id": crate::record::id(id) });
        let edge = |key: Bson| {
            let mut edge = within.clone();
            edge.extend(doc! { field: key.clone(), "_id": key });
            edge
        };
        if direction == Direction::Ascending {
            (self.min, self.max) = (Some(row), Some(edge(Bson::MaxKey)));
            // The lower bound is inclusive.
            self.filter.insert("_id", doc! { "$ne": crate::record::id(id) });
        } else {
            (self.min, self.max) = (Some(edge(Bson::MinKey)), Some(row));
        }
        self
    }
}

/// One change of one document.
#[derive(Debug)]
pub(crate) struct Update {
    filter: Document,
    change: Bson,
    upsert: bool,
}

impl Update {
    pub(crate) fn of(filter: Document, change: impl Into<Bson>) -> Self {
        Self { filter, change: change.into(), upsert: false }
    }

    /// Inserts what does not exist.
    pub(crate) fn or_insert(self) -> Self {
        Self { upsert: true, ..self }
    }
}

/// Runs commands in one session.
pub(crate) struct Executor {
    database: Database,
    session: ClientSession,
    patience: Duration,
    /// Whether it runs a transaction, and of which kind.
    mode: Option<TxMode>,
    /// Whether a statement was sent.
    sent: bool,
    /// Whether a statement was answered.
    answered: bool,
    /// Whether something was written.
    wrote: bool,
    observer: Arc<Observer>,
    unit: Option<WatchedUnit>,
}

/// Waits for the driver, but not longer than `patience`: it has no such limit of its own.
async fn bounded<T>(
    patience: Duration,
    call: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<mongodb::error::Result<T>, StoreError> {
    let late = |_| StoreError::Unavailable("mongodb did not answer in time".into());
    timeout(patience, call.into_future()).await.map_err(late)
}

impl Executor {
    /// A session that sees everything up to `latest`.
    pub(crate) async fn start(
        client: &Client,
        database: Database,
        patience: Duration,
        latest: Option<Timestamp>,
        observer: Arc<Observer>,
    ) -> Result<Self, StoreError> {
        let mut session = client.start_session().await.map_err(error::of_statement)?;
        if let Some(latest) = latest {
            session.advance_operation_time(latest);
        }
        Ok(Self {
            database,
            session,
            patience,
            mode: None,
            sent: false,
            answered: false,
            wrote: false,
            observer,
            unit: None,
        })
    }

    /// Starts a transaction; the server learns of it with the first statement.
    pub(crate) async fn transaction(mut self, mode: TxMode) -> Result<Self, StoreError> {
        self.unit = Some(self.observer.unit());
        let concern = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority);
        let start = self
            .session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(concern.w_timeout(self.patience).build())
            .max_commit_time(self.patience);
        let started = bounded(self.patience, start).await.and_then(|started| started.map_err(error::of_statement));
        self.remember(&started);
        started?;
        self.mode = Some(mode);
        Ok(self)
    }

    /// What the unit of work, if it is one, has come to.
    pub(crate) fn ends(&mut self, outcome: UnitOutcome) {
        if let Some(unit) = &mut self.unit {
            unit.ends(outcome);
        }
    }

    /// An error is how the unit ends, unless it is a refusal.
    fn remember<T>(&mut self, done: &Result<T, StoreError>) {
        if let Err(error) = done {
            self.ends(UnitOutcome::after(error));
        }
    }

    /// Runs a command and notes how long it took and how it ended.
    async fn watch<T>(
        &mut self,
        operation: Operation,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let command = self.observer.command(operation, self.unit.as_ref());
        let done = command.end(work(self).await);
        self.remember(&done);
        done
    }

    /// Whether something was written.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote
    }

    /// Whether a statement was sent.
    pub(crate) fn sent(&self) -> bool {
        self.sent
    }

    /// The time up to which this session has seen everything.
    pub(crate) fn seen(&self) -> Option<Timestamp> {
        self.session.operation_time()
    }

    // --- reading ------------------------------------------------------------------------------------------------

    /// The documents that match.
    pub(crate) async fn find<R: Record>(&mut self, query: Query) -> Result<Vec<R::Entity>, StoreError> {
        // To the server, zero is no limit.
        if query.limit == Some(0) {
            return Ok(vec![]);
        }
        self.watch(Operation::Find, async |this| this.find_now::<R>(query).await).await
    }

    async fn find_now<R: Record>(&mut self, query: Query) -> Result<Vec<R::Entity>, StoreError> {
        let options = FindOptions::builder()
            .sort(query.sort)
            .limit(query.limit)
            .projection(query.projection)
            .hint(query.hint.map(|name| Hint::Name(name.to_owned())))
            .min(query.min)
            .max(query.max)
            .batch_size(BATCH)
            .max_time(self.patience)
            .build();
        let collection = self.database.collection::<RawDocumentBuf>(R::COLLECTION);
        self.sent = true;
        let session = &mut self.session;
        let found = bounded(self.patience, async move {
            let mut cursor = collection.find(query.filter).with_options(options).session(&mut *session).await?;
            let mut found = Vec::new();
            while cursor.advance(session).await? {
                found.push(decode::<R>(cursor.current()));
            }
            Ok(found)
        })
        .await?;
        self.answered = true;
        found.map_err(error::of_statement)?.into_iter().collect()
    }

    /// The document that matches.
    pub(crate) async fn find_one<R: Record>(&mut self, filter: Document) -> Result<Option<R::Entity>, StoreError> {
        Ok(self.find::<R>(Query::of(filter).at_most(1)).await?.pop())
    }

    /// What the pipeline makes of `R`'s collection.
    pub(crate) async fn aggregate<R: Record>(&mut self, pipeline: Vec<Document>) -> Result<Vec<R::Entity>, StoreError> {
        self.watch(Operation::Aggregate, async |this| this.aggregate_now::<R>(pipeline).await).await
    }

    async fn aggregate_now<R: Record>(&mut self, pipeline: Vec<Document>) -> Result<Vec<R::Entity>, StoreError> {
        let options = AggregateOptions::builder().batch_size(BATCH).max_time(self.patience).build();
        let collection = self.database.collection::<RawDocumentBuf>(R::COLLECTION);
        self.sent = true;
        let session = &mut self.session;
        let found = bounded(self.patience, async move {
            let mut cursor = collection.aggregate(pipeline).with_options(options).session(&mut *session).await?;
            let mut found = Vec::new();
            while cursor.advance(session).await? {
                found.push(decode::<R>(cursor.current()));
            }
            Ok(found)
        })
        .await?;
        self.answered = true;
        found.map_err(error::of_statement)?.into_iter().collect()
    }

    /// How many match.
    pub(crate) async fn count<R: Record>(&mut self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        self.watch(Operation::Count, async |this| this.count_now::<R>(filter, hint).await).await
    }

    async fn count_now<R: Record>(&mut self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>(R::COLLECTION);
        let options = CountOptions::builder().hint(Hint::Name(hint.to_owned())).max_time(self.patience).build();
        self.sent = true;
        let count = collection.count_documents(filter).with_options(options).session(&mut self.session);
        let count = bounded(self.patience, count).await?;
        self.answered = true;
        count.map_err(error::of_statement)
    }

    // --- writing ------------------------------------------------------------------------------------------------

    /// Inserts the documents, by one command however many.
    pub(crate) async fn insert<R: Record>(&mut self, records: &[R]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let documents = records
            .iter()
            .map(bson::serialize_to_raw_document_buf)
            .collect::<bson::error::Result<Vec<_>>>()
            .map_err(StoreError::unreadable)?;
        self.insert_raw(R::COLLECTION, documents).await
    }

    /// Inserts the document, or answers the one that is there already with its id; one command. In a transaction only.
    pub(crate) async fn insert_or_find<R: Record>(&mut self, record: &R) -> Result<Option<R::Entity>, StoreError> {
        self.watch(Operation::FindAndModify, async |this| this.insert_or_find_now(record).await).await
    }

    async fn insert_or_find_now<R: Record>(&mut self, record: &R) -> Result<Option<R::Entity>, StoreError> {
        if self.mode != Some(TxMode::Write) {
            return Err(StoreError::Corrupt("only a unit of work for writing may insert or find".into()));
        }
        let mut fresh = bson::serialize_to_document(record).map_err(StoreError::unreadable)?;
        let id = fresh.remove("_id").ok_or_else(|| StoreError::Corrupt("a document without an id".into()))?;
        let command = doc! {
            "findAndModify": R::COLLECTION,
            "query": { "_id": id },
            "update": { "$setOnInsert": fresh },
            "upsert": true,
        };
        self.sent = true;
        let call = self.database.run_command(command).session(&mut self.session);
        let answer = bounded(self.patience, call).await?;
        self.answered = true;
        let answer = answer.map_err(error::of_statement)?;
        match answer.get("value") {
            None | Some(Bson::Null) => {
                self.wrote = true;
                Ok(None)
            }
            Some(Bson::Document(found)) => {
                let found = RawDocumentBuf::try_from(found).map_err(StoreError::unreadable)?;
                decode::<R>(&found).map(Some)
            }
            Some(_) => Err(StoreError::Corrupt("an answer of findAndModify without a document".into())),
        }
    }

    /// Inserts documents of any form.
    pub(crate) async fn insert_raw(
        &mut self,
        collection: &str,
        documents: Vec<RawDocumentBuf>,
    ) -> Result<(), StoreError> {
        let documents: bson::RawArrayBuf = documents.into_iter().collect();
        self.write(rawdoc! { "insert": collection, "documents": documents, "ordered": true }).await.map(|_| ())
    }

    /// Makes the changes in this order, by one command however many; answers how many documents matched, the inserted
    /// ones included.
    pub(crate) async fn update(&mut self, collection: &str, updates: Vec<Update>) -> Result<u64, StoreError> {
        if updates.is_empty() {
            return Ok(0);
        }
        let updates: Vec<Document> =
            updates.into_iter().map(|u| doc! { "q": u.filter, "u": u.change, "upsert": u.upsert }).collect();
        let command = doc! { "update": collection, "updates": updates, "ordered": true };
        self.write(RawDocumentBuf::try_from(&command).map_err(StoreError::unreadable)?).await
    }

    /// Changes that each are of a document as it was read: `Stale` unless every one of them matches.
    pub(crate) async fn update_all(&mut self, collection: &str, updates: Vec<Update>) -> Result<(), StoreError> {
        let expected = updates.len() as u64;
        let matched = self.update(collection, updates).await?;
        let done = if matched == expected { Ok(()) } else { Err(StoreError::Stale) };
        self.remember(&done);
        done
    }

    /// Deletes what matches; answers how many.
    pub(crate) async fn delete(&mut self, collection: &str, filter: Document) -> Result<u64, StoreError> {
        let command = doc! { "delete": collection, "deletes": [{ "q": filter, "limit": 0 }] };
        self.write(RawDocumentBuf::try_from(&command).map_err(StoreError::unreadable)?).await
    }

    /// Sends a write and reads `n` from its answer, in which errors of single documents hide behind `ok: 1`.
    async fn write(&mut self, command: RawDocumentBuf) -> Result<u64, StoreError> {
        self.watch(Operation::Write, async |this| this.write_now(command).await).await
    }

    async fn write_now(&mut self, mut command: RawDocumentBuf) -> Result<u64, StoreError> {
        match self.mode {
            Some(TxMode::Read) => return Err(StoreError::Corrupt("a unit of work for reading must not write".into())),
            Some(TxMode::Write) => {}
            None => command.append(bson::cstr!("writeConcern"), rawdoc! { "w": "majority" }),
        }
        (self.sent, self.wrote) = (true, true);
        let call = self.database.run_raw_command(command).session(&mut self.session);
        let answer = bounded(self.patience, call).await?;
        self.answered = true;
        let classify = if self.mode.is_some() { error::of_statement } else { error::of_single_write };
        let answer = answer.map_err(classify)?;
        if let Some(failure) = answer.get_array("writeErrors").ok().and_then(|all| all.first()?.as_document()) {
            let code = failure.get_i32("code").unwrap_or_default();
            let message = failure.get_str("errmsg").unwrap_or_default();
            let other = || StoreError::Corrupt(format!("mongodb write error {code}: {message}").into());
            return Err(error::of_code(code, message).unwrap_or_else(other));
        }
        if let Ok(failure) = answer.get_document("writeConcernError") {
            return Err(StoreError::OutcomeUnknown(format!("not confirmed by a majority: {failure}").into()));
        }
        let n = answer.get_i32("n").map_err(|_| StoreError::Corrupt("an answer without a count".into()))?;
        u64::try_from(n).map_err(StoreError::unreadable)
    }

    // --- ending -------------------------------------------------------------------------------------------------

    /// Commits; repeats it, on the same session and therefore safely, while the answer is lost.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.watch(Operation::Commit, async |this| this.commit_now().await).await;
        if committed.is_ok() {
            self.ends(UnitOutcome::Committed);
        }
        committed
    }

    async fn commit_now(&mut self) -> Result<(), StoreError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(20);
        let mut first = true;
        loop {
            let answer = bounded(self.patience, self.session.commit_transaction()).await;
            let failure = match answer {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error::of_commit(error, first),
                Err(late) => CommitFailure::Unknown(late.into()),
            };
            let cause = match failure {
                CommitFailure::Aborted(error) => return Err(error),
                CommitFailure::Unknown(cause) => cause,
            };
            first = false;
            if start.elapsed() + pause > COMMIT_PATIENCE {
                self.kill().await;
                return Err(StoreError::OutcomeUnknown(cause));
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Ends what the server may still have open for this session: a transaction whose commit never arrived would hold
    /// others up for a minute. What was committed stays. Nothing to report: the outcome is unknown either way.
    async fn kill(&self) {
        let command = doc! { "killSessions": [self.session.id().clone()] };
        let admin = self.session.client().database("admin");
        let _ = bounded(self.patience, admin.run_command(command)).await;
    }

    /// Undoes everything.
    pub(crate) async fn abort(mut self) {
        if self.sent && !self.answered {
            // Cancelled before the driver learned that the server had started: it would not tell the server to stop.
            let _ = self.prove().await;
        }
        if self.sent {
            // The driver swallows every error here. A server that cannot be told aborts by itself.
            let command = self.observer.command(Operation::Abort, self.unit.as_ref());
            let _ = command.end(bounded(self.patience, self.session.abort_transaction()).await);
        }
    }

    /// Reads nothing, which succeeds only if the transaction is still there.
    async fn prove(&mut self) -> Result<(), StoreError> {
        self.count_none().await
    }

    /// Waits until everything that this transaction has read is durable, and makes sure that it was not lost.
    ///
    /// A snapshot is taken from what the primary has, which may be ahead of the majority. A read with majority concern
    /// after the time of the last answer waits until the majority has it too. That the transaction is still there
    /// afterwards proves that the primary was the same all the while, for a transaction ends with its primary's term.
    pub(crate) async fn settle_reads(&mut self) -> Result<(), StoreError> {
        self.settle_answers().await?;
        self.prove().await
    }

    /// Waits until everything that the server has answered from is durable, also after an error that ended the
    /// transaction: the row that a duplicate has met, say.
    pub(crate) async fn settle_answers(&mut self) -> Result<(), StoreError> {
        let client = self.session.client();
        let mut outside =
            Self::start(&client, self.database.clone(), self.patience, self.seen(), Arc::clone(&self.observer)).await?;
        outside.count_none().await
    }

    async fn count_none(&mut self) -> Result<(), StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>("schema_migrations");
        let nothing = collection.find_one(doc! { "_id": Bson::Null }).session(&mut self.session);
        bounded(self.patience, nothing).await?.map_err(error::of_statement).map(|_| ())
    }

    // --- the schema and the server -------------------------------------------------------------------------------

    /// Runs a command of the schema, outside of transactions; answers whether there was anything to do. `tolerated` are
    /// codes that say that it was done before.
    pub(crate) async fn define(&mut self, command: Document, tolerated: &[i32]) -> Result<bool, StoreError> {
        let call = self.database.run_command(command).session(&mut self.session);
        match bounded(self.patience.max(Duration::from_secs(60)), call).await? {
            Ok(_) => Ok(true),
            Err(error) => match error.kind.as_ref() {
                mongodb::error::ErrorKind::Command(command) if tolerated.contains(&command.code) => Ok(false),
                _ => Err(error::of_statement(error)),
            },
        }
    }

    /// Runs a command of the code of a migration, outside of transactions; answers what the server says, unless a write
    /// in it has failed or was not confirmed by a majority.
    pub(crate) async fn command(&mut self, mut command: Document) -> Result<Document, StoreError> {
        // Commands that only read refuse a write concern.
        let reads = ["find", "getMore", "aggregate", "count", "distinct", "listCollections", "listIndexes"];
        if !command.keys().next().is_some_and(|name| reads.contains(&name.as_str())) {
            command.insert("writeConcern", doc! { "w": "majority" });
        }
        let call = self.database.run_command(command).session(&mut self.session);
        let answer =
            bounded(self.patience.max(Duration::from_secs(60)), call).await?.map_err(error::of_single_write)?;
        let failed = ["writeErrors", "writeConcernError"].into_iter().find_map(|kind| answer.get(kind));
        match failed {
            Some(failure) => Err(StoreError::Corrupt(format!("mongodb: {failure}").into())),
            None => Ok(answer),
        }
    }
}

/// What a server says of itself.
pub(crate) enum Greeting {
    /// It has transactions.
    Usable,
    /// It is alone.
    Standalone,
    /// It belongs to a replica set that is not set up yet.
    NotInitiated,
}

/// Asks the server that can be written to, or the one that `client` is tied to, what it is.
pub(crate) async fn greet(client: &Client, patience: Duration) -> Result<Greeting, StoreError> {
    let admin = client.database("admin");
    let call = admin.run_command(doc! { "hello": 1 });
    let answer = bounded(patience, call).await?.map_err(error::of_statement)?;
    if answer.contains_key("setName") || answer.get_str("msg").is_ok_and(|message| message == "isdbgrid") {
        return Ok(Greeting::Usable);
    }
    let member = answer.get_bool("isreplicaset").unwrap_or(false);
    Ok(if member { Greeting::NotInitiated } else { Greeting::Standalone })
}
