//! The calls to a system under test and its answers, as plain values that can be compared.

use crate::{
    desk::Desk,
    item::{Item, downcast},
    model::Model,
};
use async_trait::async_trait;
use skep_application::{
    App,
    kernel::{Actor, AppError, ErrorKind, IdempotencyKey, Precondition},
};
use skep_domain::shared::Timestamp;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The use cases of a context with their inputs.
#[async_trait]
pub trait Commands: fmt::Debug + Clone + Eq + Send + Sync + 'static {
    /// The answers of the context.
    type Answer: Answers + Clone;

    /// The name of the use case, if it takes an idempotency key.
    fn use_case(&self) -> Option<&'static str> {
        None
    }
    /// The precondition, if the command takes one.
    fn precondition(&mut self) -> Option<&mut Precondition> {
        None
    }
    /// Whether the command changes nothing.
    fn reads(&self) -> bool;
    /// Executes the command on the real application, once per key if it takes one.
    async fn execute(self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Outcome<Self::Answer>;
    /// Executes the command on the model.
    fn step(&self, model: &mut Model, now: &Now<'_>) -> Outcome<Self::Answer>;
    /// Generates the text that an answer has beside a new id, as the application would.
    fn draw(&self, _model: &Model, _now: &Now<'_>) -> String {
        String::new()
    }
    /// Remembers the data in an answer.
    fn note(&self, _answer: &Self::Answer, _desk: &mut Desk) {}
    /// Removes the first row of a page that follows another one.
    fn skip_row(&self, _answer: &mut Self::Answer) {}
}

/// The results of the use cases of a context.
pub trait Answers: Item {
    /// Reads the generated values.
    fn fresh(&self) -> Fresh {
        Fresh::default()
    }
}

impl PartialEq for dyn Answers {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}

impl Eq for dyn Answers {}

/// The values that a system generates for an answer. The model cannot predict them and takes them from the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fresh {
    /// The id of the new row.
    pub id: Uuid,
    /// Another generated value, such as an order number or a token.
    pub text: String,
}

impl Fresh {
    pub(crate) fn id(id: Uuid) -> Self {
        Self { id, text: String::new() }
    }

    /// Reads the generated values from an answer.
    pub(crate) fn of(answer: &Answer) -> Self {
        answer.as_ref().map_or_else(|_| Self::default(), |answer| answer.fresh())
    }
}

/// The circumstances of a call.
#[derive(Debug)]
pub struct Now<'a> {
    /// The caller.
    pub actor: &'a Actor,
    /// The idempotency key, for a command that takes one.
    pub key: Option<&'a IdempotencyKey>,
    /// The time of the wall clock.
    pub at: Timestamp,
    /// The generated values of the answer.
    pub fresh: &'a Fresh,
}

/// The result of a command, or the reason why it has none.
pub type Outcome<T> = Result<T, Failure>;

/// The result of a call.
pub type Answer = Outcome<Arc<dyn Answers>>;

/// The result of a call as an answer of one context, if it is one.
#[must_use]
pub fn answer_of<A: Answers>(answer: &Answer) -> Option<&A> {
    answer.as_ref().ok().and_then(|answer| downcast(&**answer))
}

/// The reason why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The call was refused and changed nothing.
    Refused(Refusal),
    /// The store was unavailable or full, or the outcome is unknown. The change may have happened or may still happen.
    Unknown(String),
}

/// Everything that a caller learns about a refused command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind, which transports map to a status.
    pub kind: ErrorKind,
    /// The stable code of the refusal.
    pub code: &'static str,
    /// Pointer, code and text of every wrong field.
    pub fields: Vec<(String, &'static str, String)>,
}

impl Failure {
    /// Turns an error into a failure. Store errors other than an unavailable or full store become refusals too. The
    /// model never gives such an answer, so a program that meets one fails.
    pub fn of<E: AppError>(error: E) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::StorageFull => Self::Unknown(format!("{error:?}")),
            kind => {
                let fields = error.fields().iter();
                let fields = fields.map(|field| (field.pointer.clone(), field.code, field.detail.clone())).collect();
                Self::Refused(Refusal { kind, code: error.code(), fields })
            }
        }
    }

    /// Makes a refusal without fields.
    #[must_use]
    pub const fn refusal(kind: ErrorKind, code: &'static str) -> Self {
        Self::Refused(Refusal { kind, code, fields: vec![] })
    }

    /// Whether the answer is a refusal with this code.
    #[must_use]
    pub fn is_code(answer: &Answer, code: &str) -> bool {
        matches!(answer, Err(Self::Refused(refusal)) if refusal.code == code)
    }
}

/// The command of some context.
#[derive(Clone)]
pub struct Command(Arc<dyn AnyCommand>);

impl Command {
    /// Wraps the command of a context.
    #[must_use]
    pub fn new(command: impl Commands) -> Self {
        Self(Arc::new(command))
    }

    /// The command as one of this context, if it is one.
    #[must_use]
    pub fn get<C: Commands>(&self) -> Option<&C> {
        downcast(&*self.0)
    }

    /// Whether the command takes an idempotency key.
    pub(crate) fn takes_key(&self) -> bool {
        self.0.takes_key()
    }

    /// The command with a precondition that every version meets.
    pub(crate) fn careless(&self) -> Self {
        self.0.careless()
    }

    pub(crate) fn reads(&self) -> bool {
        self.0.reads()
    }

    pub(crate) async fn execute(&self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Answer {
        self.0.execute(app, actor, key).await
    }

    pub(crate) fn step(&self, model: &mut Model, now: &Now<'_>) -> Answer {
        self.0.step(model, now)
    }

    pub(crate) fn draw(&self, model: &Model, now: &Now<'_>) -> String {
        self.0.draw(model, now)
    }

    pub(crate) fn note(&self, answer: &Answer, desk: &mut Desk) {
        self.0.note(answer, desk);
    }

    pub(crate) fn skip_row(&self, answer: Answer) -> Answer {
        self.0.skip_row(answer)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}

impl Eq for Command {}

/// [`Commands`] without its type.
#[async_trait]
trait AnyCommand: Item {
    fn takes_key(&self) -> bool;
    fn careless(&self) -> Command;
    fn reads(&self) -> bool;
    async fn execute(&self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Answer;
    fn step(&self, model: &mut Model, now: &Now<'_>) -> Answer;
    fn draw(&self, model: &Model, now: &Now<'_>) -> String;
    fn note(&self, answer: &Answer, desk: &mut Desk);
    fn skip_row(&self, answer: Answer) -> Answer;
}

fn any<A: Answers>(answer: A) -> Arc<dyn Answers> {
    Arc::new(answer)
}

#[async_trait]
impl<C: Commands> AnyCommand for C {
    fn takes_key(&self) -> bool {
        self.use_case().is_some()
    }

    fn careless(&self) -> Command {
        let mut command = self.clone();
        if let Some(precondition @ Precondition::OneOf(_)) = command.precondition() {
            *precondition = Precondition::Any;
        }
        Command::new(command)
    }

    fn reads(&self) -> bool {
        Commands::reads(self)
    }

    async fn execute(&self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Answer {
        Commands::execute(self.clone(), app, actor, key).await.map(any)
    }

    fn step(&self, model: &mut Model, now: &Now<'_>) -> Answer {
        Commands::step(self, model, now).map(any)
    }

    fn draw(&self, model: &Model, now: &Now<'_>) -> String {
        Commands::draw(self, model, now)
    }

    fn note(&self, answer: &Answer, desk: &mut Desk) {
        if let Some(answer) = answer_of(answer) {
            Commands::note(self, answer, desk);
        }
    }

    fn skip_row(&self, answer: Answer) -> Answer {
        let Some(mut own) = answer_of::<C::Answer>(&answer).cloned() else { return answer };
        Commands::skip_row(self, &mut own);
        Ok(any(own))
    }
}

/// A command and its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller.
    pub actor: Actor,
    /// The use case and its input.
    pub command: Command,
    /// The idempotency key, for a command that takes one.
    pub key: Option<IdempotencyKey>,
}

impl Call {
    /// The circumstances of the call at this time, with these generated values.
    pub(crate) fn now<'a>(&'a self, at: Timestamp, fresh: &'a Fresh) -> Now<'a> {
        Now { actor: &self.actor, key: self.key.as_ref(), at, fresh }
    }
}

/// The system under test.
#[async_trait]
pub trait System: Send + Sync {
    /// The time of the system's wall clock.
    fn now(&self) -> Timestamp;
    /// Moves the wall clock by this many milliseconds, forward or back.
    fn wait(&self, millis: i64);
    /// Executes the command and returns its result.
    async fn call(&self, call: &Call) -> Answer;
    /// Reads everything that is stored, as far as the ports show it.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    async fn end_state(&self) -> Result<crate::EndState, crate::Trouble>;
}
