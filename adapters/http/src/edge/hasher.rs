//! Passwords of requests.
//!
//! A login waits for a hasher, whose queue is fair between networks by itself. With its place, it would hold up others of
//! its network meanwhile. Without a place at all, the connections that it takes before and after would not count.

use super::admission::Admission;
use async_trait::async_trait;
use skep_application::identity::{ForeignHashRefusal, HashCaller, HashError, PasswordHasher};
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Arc<Admission>;
}

/// Runs the work of a request, so that a [`RequestHasher`] finds what it holds.
pub(super) async fn within<T>(admission: Arc<Admission>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(admission, work).await
}

/// Hashes passwords with another hasher. A request behind the edge gives its place back meanwhile, and waits for one
/// again afterwards, if its network has any. A caller that is not a request behind the edge has no place, so nothing else happens.
pub struct RequestHasher<H>(pub H);

impl<H> RequestHasher<H> {
    async fn without_place<T>(&self, hashed: impl Future<Output = Result<T, HashError>>) -> Result<T, HashError> {
        let Ok(admission) = CURRENT.try_with(Arc::clone) else { return hashed.await };
        admission.finish();
        let hashed = hashed.await?;
        // An error would give back the attempt, although the hash was made. So the request goes on without a place if its
        // network has none left.
        let _ = admission.enter().await;
        Ok(hashed)
    }
}

#[async_trait]
impl<H: PasswordHasher> PasswordHasher for RequestHasher<H> {
    async fn hash(&self, caller: HashCaller, password: String) -> Result<String, HashError> {
        self.without_place(self.0.hash(caller, password)).await
    }

    async fn verify(&self, caller: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.without_place(self.0.verify(caller, password, hash)).await
    }

    fn is_outdated(&self, hash: &str) -> bool {
        self.0.is_outdated(hash)
    }

    fn judge_foreign(&self, hash: &str) -> Result<(), ForeignHashRefusal> {
        self.0.judge_foreign(hash)
    }

    async fn take_over(&self, caller: HashCaller, hash: String) -> Result<String, HashError> {
        self.without_place(self.0.take_over(caller, hash)).await
    }
}
