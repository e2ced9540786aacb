//! A bucket with the contents of files, in place of a folder.

use crate::files::sha256_of;
use object_store::{
    ObjectStore as _, ObjectStoreExt as _,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
    signer::{SignedUrlOptions, Signer as _},
};
use skep_journeys::{Deployment, Wire};
use std::{
    collections::BTreeMap,
    env,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Runtime;
use url::Url;
use uuid::Uuid;

const VARIABLE: &str = "SKEP_TEST_S3_URL";
/// The setting that says that contents are in a bucket.
const SETTING: &str = "SKEP_S3_BUCKET";

/// Where the contents of files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// On the disk of the test.
    Folder,
    /// In the bucket at `http://KEY:SECRET@HOST:PORT/BUCKET`, which exists.
    Bucket(String),
}

impl Contents {
    /// The bucket of the tests.
    ///
    /// # Errors
    /// The name of the variable that is not set.
    pub fn in_bucket() -> Result<Self, &'static str> {
        env::var(VARIABLE).map(Self::Bucket).map_err(|_| VARIABLE)
    }
}

/// An object, or the parts of an open upload.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) sha256: String,
}

/// The part of a bucket that one campaign has, read without the program's code.
pub(crate) struct Bucket {
    s3: AmazonS3,
    prefix: Path,
    wire: Wire,
    /// What was read, by name and entity tag. An object with both is the same one.
    read: Mutex<BTreeMap<(String, String), Object>>,
    // The last field, because the connections of the others end with it.
    runtime: Runtime,
}

/// Whether the deployment has its contents in a bucket.
pub(crate) fn is_used(deployment: &Deployment) -> bool {
    deployment.settings().any(|(name, _)| name == SETTING)
}

impl Bucket {
    /// Makes the deployment keep its contents in this bucket, under names that nothing else has.
    ///
    /// # Panics
    /// If the address is not one of a bucket.
    pub(crate) fn open(url: &str, deployment: &mut Deployment) -> Self {
        // Of two, the first one counts, and both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url: Url = url.parse().expect("a URL");
        let (key, secret) = (url.username(), url.password().expect("a secret"));
        let server = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
        let (name, prefix) = (url.path().trim_matches('/'), format!("crash-{}", Uuid::from_u128(rand::random())));
        let wire = Wire::to(&server);
        let endpoint = format!("http://{}", wire.address());
        for (setting, value) in [
            (SETTING, name),
            ("SKEP_S3_ENDPOINT", &endpoint),
            ("SKEP_S3_ACCESS_KEY_ID", key),
            ("SKEP_S3_SECRET_ACCESS_KEY", secret),
            ("SKEP_S3_PREFIX", &prefix),
            // So that some uploads find no room for a part.
            ("SKEP_S3_MEMORY_MIB", "16"),
        ] {
            deployment.set(setting, value);
        }
        let s3 = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region("us-east-1")
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .with_endpoint(format!("http://{server}"))
            .with_allow_http(true);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            s3: s3.build().expect("a client"),
            prefix: Path::from(prefix),
            wire,
            read: Mutex::default(),
            runtime: runtime.expect("a runtime"),
        }
    }

    /// Every object, and every upload in parts that is open and has some. One that is removed meanwhile does not count.
    ///
    /// # Panics
    /// If the server does not answer.
    pub(crate) fn all(&self) -> Vec<Object> {
        let all = async {
            let mut all = vec![];
            for found in self.s3.list_with_delimiter(Some(&self.prefix)).await?.objects {
                let name = found.location.filename().unwrap_or_default().to_owned();
                let key = (name.clone(), found.e_tag.unwrap_or_default());
                let known = self.known(|known| known.get(&key).cloned());
                let object = match known {
                    Some(object) => object,
                    None => match self.s3.get(&found.location).await {
                        Ok(read) => {
                            let bytes = read.bytes().await?;
                            Object { name, size: bytes.len(), sha256: sha256_of(&bytes) }
                        }
                        Err(object_store::Error::NotFound { .. }) => continue,
                        Err(error) => return Err(error),
                    },
                };
                self.known(|known| known.insert(key, object.clone()));
                all.push(object);
            }
            Ok(all)
        };
        let mut all = self.runtime.block_on(all).expect("the bucket answers");
        all.extend(self.runtime.block_on(self.uploads()).expect("the bucket answers"));
        all
    }

    fn known<T>(&self, work: impl FnOnce(&mut BTreeMap<(String, String), Object>) -> T) -> T {
        work(&mut self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The uploads in parts that have some. One without a part can be left by a kill, and needs no space.
    async fn uploads(&self) -> Result<Vec<Object>, Box<dyn std::error::Error>> {
        let (listed, mut all) = (self.answer(&Path::default(), ("uploads", "")).await?, vec![]);
        for upload in listed.split("<Upload>").skip(1) {
            let (Some(key), Some(id)) = (element(upload, "Key"), element(upload, "UploadId")) else { continue };
            let path = Path::from(key);
            if path.prefix_matches(&self.prefix) {
                // One that has ended meanwhile has no parts.
                let parts = self.answer(&path, ("uploadId", id)).await.unwrap_or_default();
                if parts.contains("<Part>") {
                    let name = format!("{}.parts", path.filename().unwrap_or_default());
                    all.push(Object { name, size: 0, sha256: String::new() });
                }
            }
        }
        Ok(all)
    }

    /// What the server answers to a query for which the driver has no call.
    async fn answer(&self, path: &Path, query: (&str, &str)) -> Result<String, Box<dyn std::error::Error>> {
        let query = SignedUrlOptions::default().with_query([query]);
        let get = "GET".parse().expect("a method");
        let url = self.s3.signed_url_opts(get, path, Duration::from_secs(60), &query).await?;
        Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
    }

    /// Lets the servers take all objects for old ones, and adds these.
    ///
    /// # Panics
    /// If they cannot be written.
    pub(crate) fn age(&self, others: &[String]) {
        self.wire.write_over("<LastModified>", "2020");
        for name in others {
            let path = self.prefix.clone().join(name.as_str());
            self.runtime.block_on(self.s3.put(&path, "wax".into())).expect("an object");
        }
    }
}

/// The text in the first element with this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}

/// Leaves nothing in the bucket.
impl Drop for Bucket {
    fn drop(&mut self) {
        self.runtime.block_on(async {
            let Ok(found) = self.s3.list_with_delimiter(Some(&self.prefix)).await else { return };
            for object in found.objects {
                let _ = self.s3.delete(&object.location).await;
            }
        });
    }
}
