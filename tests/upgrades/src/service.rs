//! The HTTP service over an upgraded database, in this process.

use crate::Fixture;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use skep::{Skep, config::Config};
use skep_application::{
    Store,
    kernel::{Clock, Limit, Runtime},
    testing::FixedClock,
};
use skep_contract::Failure;
use skep_domain::shared::Timestamp;
use skep_http::{
    api::RequestLimits,
    edge::{Edge, EdgeConfig, RequestId},
};
use skep_local::{OsRandom, TokioSleeper, UuidV7};
use std::{
    fs::OpenOptions, io::Write as _, net::SocketAddr, os::unix::fs::OpenOptionsExt as _, sync::Arc, time::Duration,
};
use tempfile::TempDir;

/// The file name of the secret, in a fixture and in a data folder.
const SECRET: &str = "instance.secret";

/// An answer of the service.
pub struct Reply {
    /// The status code of HTTP.
    pub status: StatusCode,
    /// The body; null if it is empty.
    pub body: Value,
}

/// The service. Its clock stands at the time when the database was made.
pub struct Service {
    edge: Edge,
    skep: Skep,
    _folder: TempDir,
}

impl Service {
    /// A clock that stands at this time, in milliseconds since 1970.
    ///
    /// # Errors
    /// If the time is outside of the supported years.
    pub fn clock(made_at: i64) -> Result<Arc<dyn Clock>, Failure> {
        let clock = FixedClock::default();
        clock.jump_to(Timestamp::from_millis(made_at).map_err(|error| Failure::new(error.to_string()))?);
        Ok(Arc::new(clock))
    }

    /// Starts the service over this store, with the secret of the fixture.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(fixture: &Fixture, clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Result<Self, Failure> {
        let folder = TempDir::new()?;
        let mut secret = OpenOptions::new();
        // A secret that other users can read is refused. Git does not keep this mode, so it is set here.
        let mut secret = secret.write(true).create_new(true).mode(0o600).open(folder.path().join(SECRET))?;
        secret.write_all(fixture.text(SECRET)?.as_bytes())?;
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let ids = Arc::new(UuidV7::new(clock.clone()));
        let runtime = Runtime { clock, ids, random: Arc::new(OsRandom), sleeper: Arc::new(TokioSleeper) };
        let skep = Skep::builder().config(config).runtime(runtime).store(store).start().await?;
        let plenty = Limit::smooth(1_000_000, Duration::from_secs(60));
        let limits = RequestLimits { address: plenty, user: plenty, credentials: plenty, ..RequestLimits::default() };
        let service = skep.api(limits);
        let ids = skep.app.ports.runtime.ids.clone();
        let mut config = EdgeConfig::new(Arc::new(move || RequestId::from_u128(ids.next().as_u128())));
        config.routes = service.routes;
        Ok(Self { edge: Edge::new(service.endpoint, config), skep, _folder: folder })
    }

    /// Sends a request: GET without a body, POST with one.
    ///
    /// # Errors
    /// If the answer is not JSON.
    pub async fn send(
        &self,
        path: &str,
        token: Option<&str>,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let method = if body.is_some() { "POST" } else { "GET" };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let (head, body) = self.edge.handle(request.body(Full::new(body))?, peer).await.into_parts();
        let body = body.collect().await.map_err(|_| Failure::new("the answer broke off"))?.to_bytes();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Reply { status: head.status, body })
    }

    /// Logs in and returns the token.
    ///
    /// # Errors
    /// If the login is refused.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<String, Failure> {
        let credentials = json!({ "email": email, "password": password });
        let reply = self.send("/api/v1/auth/login", None, None, Some(&credentials)).await?;
        let token = reply.body["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| Failure::new(format!("{email}: {} {}", reply.status, reply.body)))
    }

    /// Ends what has expired, and returns the number of orders.
    ///
    /// # Errors
    /// The store's error.
    pub async fn sweep(&self) -> Result<usize, Failure> {
        let swept = self.skep.app.sweep_expired.execute().await?;
        let orders = swept.iter().find(|(name, _)| *name == "unpaid orders").map_or(0, |(_, orders)| orders);
        Ok(usize::try_from(orders)?)
    }

    /// Stores a next key of access tokens. Returns whether it was stored.
    ///
    /// # Errors
    /// If the keys cannot be read or written.
    pub async fn rotate_keys(&self) -> Result<bool, Failure> {
        Ok(self.skep.keys.rotate().await?)
    }

    /// Closes the service.
    pub async fn stop(self) {
        self.skep.close().await;
    }
}
