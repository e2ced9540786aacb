//! The requests to the server. Each has a limit of time, and an error that says what the server has answered.

use super::{
    S3Options,
    condition::Connector,
    failure::{Absence, absence, failed},
};
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, PutResult,
    UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder},
    client::ClientOptions,
    list::{PaginatedListOptions, PaginatedListStore as _},
    multipart::{MultipartStore as _, PartId},
    path::Path,
};
use skep_application::kernel::{BoxError, StoreError};
use skep_domain::{files::FileId, shared::Timestamp};
use std::{ops::Range, sync::atomic::AtomicBool, time::Duration};

/// The size of all parts of an upload but the last. S3 takes none that is smaller.
pub(super) const PART: usize = 5 << 20;
/// The most parts of an upload that S3 takes.
const MOST_PARTS: usize = 10_000;

/// The bytes of an object, as they arrive.
pub(super) type Bytes = BoxStream<'static, object_store::Result<bytes::Bytes>>;

/// A bucket, and where our objects are in it.
pub(super) struct Bucket {
    pub(super) s3: AmazonS3,
    /// With a slash at the end, unless it is empty.
    prefix: String,
    pub(super) answer: Duration,
    transfer: Duration,
    /// Whether the server has not said yet that it knows no such deletes.
    pub(super) deletes_under_conditions: AtomicBool,
    /// The most bytes of a copy that the server makes.
    pub(super) copied_at_once: u64,
}

/// An object without its bytes.
pub(super) struct Found {
    /// Without the prefix.
    pub(super) name: String,
    pub(super) written_at: Timestamp,
}

/// A small object that is read and written as a whole.
pub(super) struct Small {
    pub(super) bytes: bytes::Bytes,
    pub(super) etag: String,
}

/// A page of a list, and what the next page is asked with.
pub(super) type Page = (Vec<Found>, Option<String>);

impl Bucket {
    /// Connects with the first request.
    pub(super) fn new(options: &S3Options) -> Result<Self, BoxError> {
        // Of two, the first one counts, and both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_plain = options.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut client = ClientOptions::new()
            .with_connect_timeout(options.connect)
            // It would count the whole body. Each wait has a limit of its own instead.
            .with_timeout_disabled()
            .with_allow_http(is_plain)
            // A machine without certificates can use a server without TLS.
            .with_no_system_certificates(is_plain);
        // A proxy that is left out for this machine takes the place of the one in the environment.
        if options.is_here() {
            client = client.with_proxy_url("http://127.0.0.1:9").with_proxy_excludes("localhost,127.0.0.0/8,::1");
        }
        let retry = object_store::RetryConfig { max_retries: 2, retry_timeout: options.answer, ..Default::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_access_key_id(&options.access_key_id)
            .with_secret_access_key(&options.secret_access_key)
            .with_virtual_hosted_style_request(!options.path_style)
            .with_allow_http(is_plain)
            // Not every server has it.
            .with_disable_bulk_delete(true)
            .with_client_options(client)
            .with_http_connector(Connector::default())
            .with_retry(retry);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(options.endpoint_of_bucket(endpoint));
        }
        let prefix = options.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let S3Options { answer, transfer, copied_at_once, .. } = *options;
        let deletes_under_conditions = AtomicBool::new(true);
        Ok(Self { s3: builder.build()?, prefix, answer, transfer, deletes_under_conditions, copied_at_once })
    }

    pub(super) fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// Waits for the answer to a request.
    async fn answered<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> Result<T, StoreError> {
        within(self.answer, work).await?.map_err(failed)
    }

    /// Waits for a request that moves many bytes.
    async fn transferred<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> Result<T, StoreError> {
        within(self.transfer, work).await?.map_err(failed)
    }

    /// Makes sure that a 404 is about an object. It can be about the bucket, or come from a server that is no S3, and a
    /// request without a body in its answer does not say which.
    pub(super) async fn absent<T>(&self, error: object_store::Error) -> Result<Option<T>, StoreError> {
        match absence(&error) {
            Absence::OfObject => Ok(None),
            Absence::OfBucket => Err(failed(error)),
            Absence::Unknown => self.page("", None, None, 1).await.map(|_| None),
        }
    }

    /// Opens an object, or a range of it that is not empty. `None` if there is no such object.
    pub(super) async fn get(&self, name: &str, range: Option<Range<u64>>) -> Result<Option<Bytes>, StoreError> {
        let asked = range.clone().map(|range| match i64::try_from(range.end) {
            Ok(_) => GetRange::Bounded(range),
            // Servers refuse such a number.
            Err(_) => GetRange::Offset(range.start),
        });
        let options = GetOptions { range: asked, ..GetOptions::default() };
        match within(self.answer, self.s3.get_opts(&self.path(name), options)).await? {
            Ok(found) => Ok(Some(found.into_stream())),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent(error).await,
            // The server refuses a range that begins after the end.
            Err(error) => match (range, self.size(name).await?) {
                (_, None) => Ok(None),
                (Some(range), Some(size)) if range.start >= size => Ok(Some(futures_util::stream::empty().boxed())),
                _ => Err(failed(error)),
            },
        }
    }

    /// The next bytes of an object.
    pub(super) async fn next(&self, bytes: &mut Bytes) -> Result<Option<bytes::Bytes>, StoreError> {
        self.answered(async { bytes.next().await.transpose() }).await
    }

    /// Reads bytes of an object from `start` on, all that fit. Returns `false` if it has fewer.
    pub(super) async fn fill(&self, name: &str, start: u64, mut rest: &mut [u8]) -> Result<bool, StoreError> {
        let range = start..start.saturating_add(rest.len() as u64);
        let Some(mut bytes) = self.get(name, Some(range)).await? else { return Ok(false) };
        while let Some(next) = self.next(&mut bytes).await? {
            let Some((front, behind)) = rest.split_at_mut_checked(next.len()) else { return Ok(false) };
            front.copy_from_slice(&next);
            rest = behind;
        }
        Ok(rest.is_empty())
    }

    /// The size of an object. `None` if there is no such object.
    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, StoreError> {
        match within(self.answer, self.s3.head(&self.path(name))).await? {
            Ok(found) => Ok(Some(found.size)),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent(error).await,
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads a small object.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Small>, StoreError> {
        let (path, work) = (self.path(name), &self.s3);
        let read = async {
            let found = work.get(&path).await?;
            let etag = found.meta.e_tag.clone().unwrap_or_default();
            Ok(Small { bytes: found.bytes().await?, etag })
        };
        match within(self.answer, read).await? {
            Ok(found) => Ok(Some(found)),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent(error).await,
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes an object, replacing any other one.
    pub(super) async fn put(&self, name: &str, bytes: bytes::Bytes) -> Result<(), StoreError> {
        self.transferred(self.s3.put(&self.path(name), bytes.into())).await.map(drop)
    }

    /// Writes a small object if its present state has this entity tag, or if it does not exist. Returns the new entity tag;
    /// `None` if the state is another one.
    pub(super) async fn put_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        etag: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let mode = match etag {
            None => PutMode::Create,
            Some(etag) => PutMode::Update(UpdateVersion { e_tag: Some(etag.to_owned()), version: None }),
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match within(self.answer, self.s3.put_opts(&self.path(name), bytes.into(), options)).await? {
            Ok(PutResult { e_tag, .. }) => Ok(Some(e_tag.unwrap_or_default())),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Copies an object within the server.
    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.transferred(self.s3.copy(&self.path(from), &self.path(to))).await
    }

    /// Deletes an object, if there is one.
    pub(super) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match within(self.answer, self.s3.delete(&self.path(name))).await? {
            Ok(()) => Ok(()),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent::<()>(error).await.map(drop),
            Err(error) => Err(failed(error)),
        }
    }

    /// Begins an upload in parts.
    pub(super) async fn begin(&self, name: &str) -> Result<String, StoreError> {
        self.answered(self.s3.create_multipart(&self.path(name))).await
    }

    /// Sends a part of an upload.
    pub(super) async fn part(
        &self,
        name: &str,
        upload: &String,
        number: usize,
        bytes: bytes::Bytes,
    ) -> Result<PartId, StoreError> {
        if number >= MOST_PARTS {
            return Err(StoreError::Full("a content in S3 has at most 10,000 parts".into()));
        }
        self.transferred(self.s3.put_part(&self.path(name), upload, number, PutPayload::from(bytes))).await
    }

    /// Makes an object of the parts.
    pub(super) async fn complete(&self, name: &str, upload: &String, parts: Vec<PartId>) -> Result<(), StoreError> {
        self.transferred(self.s3.complete_multipart(&self.path(name), upload, parts)).await.map(drop)
    }

    /// Gives an upload up, and with it the parts that have arrived. One that does not exist is given up already.
    pub(super) async fn abort(&self, name: &str, upload: &String) -> Result<(), StoreError> {
        match within(self.answer, self.s3.abort_multipart(&self.path(name), upload)).await? {
            Ok(()) => Ok(()),
            Err(error @ object_store::Error::NotFound { .. }) => self.absent::<()>(error).await.map(drop),
            Err(error) => Err(failed(error)),
        }
    }

    /// The objects whose names begin so, after this name, in the order of their names.
    pub(super) async fn page(
        &self,
        beginning: &str,
        after: Option<&str>,
        next: Option<String>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let options = PaginatedListOptions {
            offset: after.map(|name| format!("{}{name}", self.prefix)),
            max_keys: Some(most),
            page_token: next,
            ..PaginatedListOptions::default()
        };
        let beginning = format!("{}{beginning}", self.prefix);
        let beginning = Some(beginning.as_str()).filter(|beginning| !beginning.is_empty());
        let page = self.answered(self.s3.list_paginated(beginning, options)).await?;
        let found = page.result.objects.into_iter().filter_map(|found| {
            let name = found.location.as_ref().strip_prefix(&self.prefix)?.to_owned();
            Some(Found { name, written_at: time_of(&found) })
        });
        Ok((found.collect(), page.page_token))
    }

    /// All objects of a content.
    pub(super) async fn all_of(&self, id: FileId) -> Result<Vec<Found>, StoreError> {
        let (beginning, mut all, mut next) = (id.to_string(), vec![], None);
        loop {
            let (found, more) = self.page(&beginning, None, next, 1_000).await?;
            all.extend(found);
            if more.is_none() {
                return Ok(all);
            }
            next = more;
        }
    }
}

pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, StoreError> {
    let waited = tokio::time::timeout(limit, work).await;
    waited.map_err(|_| StoreError::Unavailable(format!("S3 did not answer within {limit:?}").into()))
}

fn time_of(found: &object_store::ObjectMeta) -> Timestamp {
    Timestamp::from_millis(found.last_modified.timestamp_millis()).unwrap_or(Timestamp::MAX)
}
