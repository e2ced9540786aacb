//! Deletes that name the entity tag of what they delete. The driver has none, so its client adds the header.

use super::{
    bucket::{Bucket, within},
    failure::{failed, is_unknown},
};
use async_trait::async_trait;
use http::{HeaderValue, Method, header::IF_MATCH};
use object_store::{
    ObjectStoreExt as _,
    client::{
        ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};
use skep_application::kernel::StoreError;
use std::sync::atomic::Ordering::Relaxed;

tokio::task_local! {
    /// The entity tag that the deletes of this task name.
    static ETAG: HeaderValue;
}

/// Makes clients that add the header.
#[derive(Debug, Default)]
pub(super) struct Connector(ReqwestConnector);

#[derive(Debug)]
struct Client(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client(self.0.connect(options)?)))
    }
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // The driver has signed the request already, and this header need not be signed.
        if let (&Method::DELETE, Ok(etag)) = (request.method(), ETAG.try_with(Clone::clone)) {
            request.headers_mut().insert(IF_MATCH, etag);
        }
        self.0.execute(request).await
    }
}

impl Bucket {
    /// Deletes an object if it has this entity tag. Returns `false` if it has another one, or does not exist. A server that
    /// does not know such deletes deletes it in any case.
    pub(super) async fn delete_if(&self, name: &str, etag: &str) -> Result<bool, StoreError> {
        let value = HeaderValue::from_str(etag);
        let (true, Ok(etag)) = (self.deletes_under_conditions.load(Relaxed), value) else {
            return self.delete(name).await.map(|()| true);
        };
        match within(self.answer, ETAG.scope(etag, self.s3.delete(&self.path(name)))).await? {
            Ok(()) => Ok(true),
            Err(object_store::Error::Precondition { .. }) => Ok(false),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent::<()>(error).await.map(|_| false),
            Err(error) if is_unknown(&error) => {
                self.deletes_under_conditions.store(false, Relaxed);
                self.delete(name).await.map(|()| true)
            }
            Err(error) => Err(failed(error)),
        }
    }
}
