//! The frame of every command that happens once, however often it is sent and attempted.

use super::{
    AppError, Attempt, IdempotencyClaim, IdempotencyKeys, KeyReused, Outbox, StoreError, Transaction,
    idempotency::{remember, replay},
};
use serde::{Serialize, de::DeserializeOwned};
use skep_domain::shared::EventId;
use std::future::Future;

/// What the frame needs of a unit of work; every context's has it.
pub(crate) trait Framed: Send {
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys;
    fn outbox(&mut self) -> &mut dyn Outbox;
}

/// Stamps [`Framed`] on the unit of work of a context.
macro_rules! framed {
    ($tx:ty) => {
        impl $crate::kernel::Framed for $tx {
            fn idempotency(&mut self) -> &mut dyn $crate::kernel::IdempotencyKeys {
                <$tx>::idempotency(self)
            }
            fn outbox(&mut self) -> &mut dyn $crate::kernel::Outbox {
                <$tx>::outbox(self)
            }
        }
    };
}
pub(crate) use framed;

/// How a command is told from every other: by its key, if it has one, and by the event that its unit appends.
pub(crate) struct Mark {
    pub(crate) claim: Option<IdempotencyClaim>,
    pub(crate) event_id: EventId,
}

/// One attempt of a command: answers what an earlier unit answered to the same key; otherwise looks whether an earlier
/// attempt was stored after all, does the `work`, keeps its answer with the key, and ends the unit.
///
/// `work` is lent the unit, and told whether the earlier attempt has landed. If so, everything is done, and only the
/// answer is missing.
///
/// # Errors
/// [`KeyReused`] if the key stands for another command; those of `work`; the store's.
pub(crate) async fn once<Tx, T, E, Fut>(
    mut tx: Box<Tx>,
    attempt: &Attempt,
    mark: &Mark,
    work: impl FnOnce(Box<Tx>, bool) -> Fut,
) -> Result<T, E>
where
    Tx: Framed + Transaction + ?Sized,
    T: Serialize + DeserializeOwned,
    E: AppError + From<KeyReused> + From<StoreError>,
    Fut: Future<Output = (Result<T, E>, Box<Tx>)>,
{
    let result = match open(&mut *tx, attempt, mark).await {
        Ok(Opened::Answered(answer)) => Ok(answer),
        Ok(Opened::Ready { landed }) => {
            let answer;
            (answer, tx) = work(tx, landed).await;
            match answer {
                Ok(answer) => {
                    let kept = remember(tx.idempotency(), mark.claim.as_ref(), &answer).await;
                    kept.map(|()| answer).map_err(E::from)
                }
                refused => refused,
            }
        }
        Err(error) => Err(error),
    };
    attempt.end(tx, result).await
}

enum Opened<T> {
    Answered(T),
    Ready { landed: bool },
}

async fn open<Tx, T, E>(tx: &mut Tx, attempt: &Attempt, mark: &Mark) -> Result<Opened<T>, E>
where
    Tx: Framed + ?Sized,
    T: DeserializeOwned,
    E: From<KeyReused> + From<StoreError>,
{
    if let Some(answer) = replay::<T, E>(tx.idempotency(), mark.claim.as_ref()).await? {
        return Ok(Opened::Answered(answer));
    }
    // Settled before anything is read: what is read after it is not older than the earlier attempt.
    let landed = attempt.after_unknown && tx.outbox().settle(mark.event_id).await?;
    Ok(Opened::Ready { landed })
}
