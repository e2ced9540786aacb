//! A server, or several of which one is the primary, and how its connections are opened.

use crate::{
    address::{self, Address, Host, Target, Tls, TlsMode},
    fault::{Fault, Link, Meaning, is_passing, is_refusal_code},
    known::{Era, Known},
    options::{Limits, PostgresOptions},
    pooler::{self, Pooling, Stop},
    wire::{one_row, simple},
};
use futures_util::future::try_join_all;
use sqlx::{
    ConnectOptions, Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions, PgSslMode},
};
use std::{
    fs,
    future::pending,
    hash::{BuildHasher as _, RandomState},
    io::ErrorKind,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, oneshot},
    task::spawn_blocking,
    time::{Instant, sleep, timeout_at},
};
use url::Url;

/// The number of prepared statements that one connection keeps.
const PREPARED_STATEMENTS: usize = 512;
/// The limit for opening a connection to one host, unless the address has another.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A setting that only a session of ours has. A server ignores settings with a dot in their name.
const MARK: &str = "skep.session";

/// A server in the form that sqlx needs. Contains the password, so it is never shown.
pub(crate) struct Server {
    places: Vec<Place>,
    target: Target,
    random: bool,
    limits: Limits,
    /// The most time for one host; zero means no limit.
    open_timeout: Duration,
    /// The hosts with their ports, for errors.
    pub(crate) address: String,
    /// The place that was used last, which is tried first.
    last: AtomicUsize,
    known: Known,
    /// Held while the first connections find out about a pooler.
    learning: Mutex<()>,
    /// Whether migrations have another address. Then nothing has to rely on sessions at this one.
    has_direct: bool,
}

struct Place {
    connect: PgConnectOptions,
    shown: String,
    /// What to try if the server does not accept the first way: `sslmode` `allow` and `prefer`.
    second: Option<PgSslMode>,
}

/// A new connection.
pub(crate) struct Opened {
    pub(crate) raw: PgConnection,
    pub(crate) era: Era,
}

/// How long to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Every host once.
    Once,
    /// Again while the server is starting or has no free connection.
    Again,
}

impl Server {
    /// Reads an address. Connects to nothing.
    pub(crate) fn new(url: &str, options: &PostgresOptions, has_direct: bool) -> Result<Self, Fault> {
        const PLACE: &str = "the address of the PostgreSQL server";
        let wrong = |text: String| Fault::refusal(PLACE, text);
        let address = address::parse(url).map_err(|error| wrong(error.to_string()))?;
        check_files(&address.tls).map_err(wrong)?;
        let base = base(&address, &options.application_name).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            places: address.hosts.iter().map(|host| place(&base, host, &address.tls)).collect(),
            target: address.target,
            random: address.random,
            limits: options.limits(),
            open_timeout: address.connect_timeout.unwrap_or(OPEN_TIMEOUT),
            address: address.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            last: AtomicUsize::new(0),
            known: Known::default(),
            learning: Mutex::new(()),
            has_direct,
        })
    }

    /// What is known about a pooler. Nothing before the first connection was opened.
    pub(crate) fn pooling(&self) -> Option<Pooling> {
        self.known.pooling()
    }

    /// Connections of another era must not be used.
    pub(crate) fn era(&self) -> Era {
        self.known.era()
    }

    /// Call after a connection of this era has failed.
    pub(crate) fn doubt_after(&self, era: Era) {
        self.known.doubt_after(era);
    }

    /// The time limits of a unit of work, if its session does not have them: statements in front of those of the unit.
    pub(crate) fn limits_of_unit(&self) -> Option<String> {
        let has_none = matches!(self.pooling(), Some(Pooling::Transactions | Pooling::PerhapsSessions));
        has_none.then(|| self.limits.statements("SET LOCAL"))
    }

    /// How long a caller should be willing to wait for a connection: a server that sleeps takes its time.
    pub(crate) fn patience(&self, patience: Duration) -> Duration {
        patience.max(self.open_timeout)
    }

    /// The most time that opening a connection should take.
    pub(crate) fn open_timeout(&self) -> Duration {
        let hosts = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        if self.open_timeout.is_zero() { Duration::MAX } else { self.open_timeout.saturating_mul(hosts) }
    }

    /// Opens a connection for units of work and reads, with their time limits. The first one finds out whether there is
    /// a pooler in between, and so does the next one after a doubt.
    pub(crate) async fn open(&self, patience: Patience, deadline: Instant) -> Result<Opened, Fault> {
        let started = Instant::now();
        loop {
            if let Some((pooling, era)) = self.known.certain() {
                match self.open_behind(pooling, patience, deadline).await? {
                    Some(raw) => return Ok(Opened { raw, era }),
                    None => self.known.doubt(era),
                }
            }
            let Ok(_learning) = timeout_at(deadline, self.learning.lock()).await else {
                return Err(Fault::silence(self.place(), started.elapsed()));
            };
            if self.known.certain().is_none() {
                let before = self.pooling();
                // Looking again takes many round trips. If they take too long, what was found last is better than no
                // connection, and the doubt stays.
                let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
                let limit = if before.is_some() { half } else { deadline };
                let (pooling, raw) = match (self.learn(patience, limit).await, before) {
                    (Err(fault), Some(before)) if fault.link == Link::Lost || fault.may_pass => {
                        match self.open_behind(before, patience, deadline).await? {
                            Some(raw) => return Ok(Opened { raw, era: self.known.era() }),
                            None => return Err(fault),
                        }
                    }
                    (learned, _) => learned?,
                };
                if let Some(before) = before.filter(|before| *before != pooling) {
                    tracing::warn!(?before, now = ?pooling, "the connection pooler in front of PostgreSQL has changed");
                }
                return Ok(Opened { raw, era: self.known.learned(pooling) });
            }
        }
    }

    /// `None` if there is a pooler, and there was none.
    async fn open_behind(
        &self,
        pooling: Pooling,
        patience: Patience,
        deadline: Instant,
    ) -> Result<Option<PgConnection>, Fault> {
        match pooling {
            Pooling::None => self.open_session(patience, deadline).await,
            Pooling::Transactions | Pooling::PerhapsSessions => self.connect(false, patience, deadline).await.map(Some),
            Pooling::Sessions => {
                let mut raw = self.connect(false, patience, deadline).await?;
                self.set_limits(&mut raw, self.limits, deadline).await?;
                Ok(Some(raw))
            }
        }
    }

    /// Opens a session of the server with our options. `None` if there is a pooler, which refuses or ignores them.
    async fn open_session(&self, patience: Patience, deadline: Instant) -> Result<Option<PgConnection>, Fault> {
        let mut raw = match self.connect(true, patience, deadline).await {
            Ok(raw) => raw,
            Err(fault) if fault.refuses_options => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let mark = one_row(&mut raw, format!("SELECT current_setting('{MARK}', true)"));
        let mark = self.within(deadline, mark).await?;
        Ok(mark.first().is_some_and(|mark| mark.as_deref() == Some("on")).then_some(raw))
    }

    async fn learn(&self, patience: Patience, deadline: Instant) -> Result<(Pooling, PgConnection), Fault> {
        if let Some(raw) = self.open_session(patience, deadline).await? {
            return Ok((Pooling::None, raw));
        }
        let mut trials = try_join_all((0..pooler::TRIALS).map(|_| self.connect(false, patience, deadline))).await?;
        let started = Instant::now();
        let found = match timeout_at(deadline, pooler::learn(&mut trials)).await {
            Ok(Ok(pooling)) => pooling,
            Ok(Err(Stop::Unfit(text))) => return Err(Fault::refusal(self.place(), text)),
            Ok(Err(Stop::Broken(error))) => return Err(Fault::of_connecting(&self.address, &error)),
            Err(_) => return Err(Fault::silence(self.place(), started.elapsed())),
        };
        let mut raw = trials.swap_remove(0);
        let pooling = match found {
            Pooling::Sessions if self.has_direct => Pooling::PerhapsSessions,
            found => found,
        };
        match pooling {
            Pooling::Sessions => self.set_limits(&mut raw, self.limits, deadline).await?,
            _ => self.within(deadline, pooler::warn_without_limit(&mut raw)).await?,
        }
        tracing::debug!(?pooling, "PostgreSQL is behind a connection pooler");
        Ok((pooling, raw))
    }

    /// Opens a connection for a migration.
    pub(crate) async fn open_for_schema(&self, limits: Limits, deadline: Instant) -> Result<PgConnection, Fault> {
        let mut raw = self.open(Patience::Again, deadline).await?.raw;
        if self.pooling() == Some(Pooling::Transactions) {
            return Err(self.needs_direct_address());
        }
        self.set_limits(&mut raw, limits, deadline).await?;
        Ok(raw)
    }

    /// Opens a session that receives messages. A standby refuses to listen, and a pooler that keeps transactions is never
    /// asked.
    pub(crate) async fn open_listener(&self, deadline: Instant) -> Result<PgListener, Fault> {
        // Finds out about a pooler, and which host is to be used.
        let raw = self.open(Patience::Once, deadline).await?.raw;
        let _ = timeout_at(deadline, raw.close()).await;
        if matches!(self.pooling(), Some(Pooling::Transactions)) {
            let text = "a connection pooler in transaction mode passes no messages on: set SKEP_DATABASE_DIRECT_URL";
            return Err(Fault::refusal(format!("PostgreSQL at {}", self.address), text));
        }
        let place = &self.places[self.last.load(Ordering::Relaxed)];
        let mut ways = vec![place.connect.clone()];
        ways.extend(place.second.map(|second| place.connect.clone().ssl_mode(second)));
        let mut failed = None;
        for connect in ways {
            // Never closes its only connection by itself.
            let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
            match self.within(deadline, PgListener::connect_with(&pool.connect_lazy_with(connect))).await {
                Ok(listener) => return Ok(listener),
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        Err(failed.unwrap_or_else(|| Fault::new(self.place(), "no host", Meaning::Unavailable)))
    }

    pub(crate) fn needs_direct_address(&self) -> Fault {
        let text = "a connection pooler in transaction mode answers. A migration locks the schema for a session, so it \
                    needs the address of the server itself, or of a pooler in session mode: set \
                    SKEP_DATABASE_DIRECT_URL";
        Fault::refusal(format!("PostgreSQL at {}", self.address), text)
    }

    async fn set_limits(&self, raw: &mut PgConnection, limits: Limits, deadline: Instant) -> Result<(), Fault> {
        self.within(deadline, simple(raw, limits.statements("SET"))).await
    }

    async fn within<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Fault> {
        let started = Instant::now();
        match timeout_at(deadline, work).await {
            Ok(done) => done.map_err(|error| Fault::of_connecting(&self.address, &error)),
            Err(_) => Err(Fault::silence(self.place(), started.elapsed())),
        }
    }

    fn place(&self) -> String {
        format!("cannot connect to PostgreSQL at {}", self.address)
    }

    async fn connect(&self, with_limits: bool, patience: Patience, deadline: Instant) -> Result<PgConnection, Fault> {
        let mut pause = FIRST_PAUSE;
        let mut earlier = None;
        loop {
            let fault = match self.connect_to_any(with_limits, deadline).await {
                Ok(raw) => return Ok(raw),
                Err(fault) => fault,
            };
            let now = Instant::now();
            if now >= deadline {
                // The last attempt had too little time to find out more.
                return Err(earlier.unwrap_or(fault));
            }
            if patience == Patience::Once || !fault.may_pass || fault.refuses_options || now + pause >= deadline {
                return Err(fault);
            }
            earlier = Some(fault);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Tries the hosts, first the one that was used last. A host that refuses the user ends it, because the others have
    /// the same users.
    async fn connect_to_any(&self, with_limits: bool, deadline: Instant) -> Result<PgConnection, Fault> {
        let count = self.places.len();
        let first = if self.random && count > 1 { random_below(count) } else { self.last.load(Ordering::Relaxed) };
        let mut faults: Vec<Fault> = vec![];
        for index in (0..count).map(|step| (first + step) % count) {
            match self.connect_to(&self.places[index], with_limits, deadline).await {
                Ok(raw) => {
                    self.last.store(index, Ordering::Relaxed);
                    return Ok(raw);
                }
                Err(fault) if fault.link == Link::Unfit || fault.refuses_options => return Err(fault),
                Err(fault) => faults.push(fault),
            }
        }
        Err(Fault::all(faults).unwrap_or_else(|| Fault::new(self.place(), "no host", Meaning::Unavailable)))
    }

    async fn connect_to(&self, place: &Place, with_limits: bool, deadline: Instant) -> Result<PgConnection, Fault> {
        let deadline = match self.open_timeout {
            Duration::ZERO => deadline,
            limit => deadline.min(Instant::now() + limit),
        };
        let started = Instant::now();
        let (connect, second) = (self.session_options(place, with_limits), place.second);
        let needs_role = self.target != Target::Any;
        let work = async move {
            let mut raw = start_session(&connect, second).await?;
            let role = if needs_role { one_row(&mut raw, ROLE.to_owned()).await? } else { vec![] };
            Ok((raw, role))
        };
        let (raw, role) = match timeout_at(deadline, aside(work)).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                let mut fault = Fault::of_connecting(&place.shown, &error);
                fault.may_pass = fault.link != Link::Unfit && is_passing_error(&error);
                fault.refuses_options = with_limits && refuses_options(&error);
                return Err(fault);
            }
            Err(_) => {
                let place = format!("cannot connect to PostgreSQL at {}", place.shown);
                return Err(Fault::silence(place, started.elapsed()));
            }
        };
        let is = |index: usize, text: &str| role.get(index).is_some_and(|value| value.as_deref() == Some(text));
        let wrong = match self.target {
            Target::ReadWrite if !is(1, "off") => Some("is read-only, and target_session_attrs is read-write"),
            Target::Primary if !is(0, "false") => Some("is a standby, and target_session_attrs is primary"),
            _ => None,
        };
        let Some(text) = wrong else { return Ok(raw) };
        let mut fault = Fault::new(format!("PostgreSQL at {}", place.shown), text, Meaning::Unavailable);
        // A standby may be promoted soon.
        (fault.link, fault.may_pass) = (Link::Lost, true);
        Err(fault)
    }

    fn session_options(&self, place: &Place, with_limits: bool) -> PgConnectOptions {
        let connect = place.connect.clone();
        if with_limits { connect.options(self.limits.settings()).options([(MARK, "on")]) } else { connect }
    }
}

async fn start_session(connect: &PgConnectOptions, second: Option<PgSslMode>) -> Result<PgConnection, sqlx::Error> {
    match (connect.connect().await, second) {
        (Err(error), Some(second)) if may_need_other_tls(&error) => {
            connect.clone().ssl_mode(second).connect().await.map_err(|_| error)
        }
        (done, _) => done,
    }
}

/// Does the work on a thread for blocking work, as long as the caller waits for it. sqlx hashes the password in 4,096 rounds,
/// and after every five of them lets all other tasks of its thread run. On a thread of a busy runtime, these 800 turns take
/// seconds. The work has no timer of its own: one that outlives its runtime panics.
async fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = Handle::current();
    let (waits, waits_no_longer) = oneshot::channel::<()>();
    let work = async move {
        tokio::select! {
            done = work => Some(done),
            _ = waits_no_longer => None,
        }
    };
    let done = spawn_blocking(move || runtime.block_on(work)).await;
    drop(waits);
    match done {
        Ok(Some(done)) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime ends, and the caller with it.
        Ok(None) | Err(_) => pending().await,
    }
}

/// Whether the server is a standby, and whether it refuses changes.
const ROLE: &str = "SELECT pg_is_in_recovery()::text, current_setting('transaction_read_only')";

/// What all hosts share.
fn base(address: &Address, application_name: &str) -> Result<PgConnectOptions, sqlx::Error> {
    // The only way to set options that are not `-c name=value`, which some providers have.
    let mut url = Url::parse("postgres://host").map_err(|error| sqlx::Error::Configuration(error.into()))?;
    url.query_pairs_mut().append_pair("password", &address.password);
    if let Some(options) = &address.options {
        url.query_pairs_mut().append_pair("options", options);
    }
    // Every field is set, because sqlx takes missing ones from the environment. Poolers refuse `extra_float_digits`, and
    // the data has no such numbers.
    let mut connect = PgConnectOptions::from_url(&url)?
        .username(&address.user)
        .password(&address.password)
        .database(&address.database)
        .extra_float_digits(None)
        .application_name(address.application_name.as_deref().unwrap_or(application_name))
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .disable_statement_logging();
    connect = match &address.tls.authority {
        Some(file) => connect.ssl_root_cert(file),
        None => connect.ssl_root_cert_from_pem(Vec::new()),
    };
    if let (Some(certificate), Some(key)) = (&address.tls.certificate, &address.tls.key) {
        connect = connect.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(connect)
}

fn place(base: &PgConnectOptions, host: &Host, tls: &Tls) -> Place {
    // As in libpq, there is no TLS on a socket.
    let (mode, second) = match tls.mode {
        _ if host.is_socket() => (PgSslMode::Disable, None),
        TlsMode::Disable => (PgSslMode::Disable, None),
        TlsMode::Allow => (PgSslMode::Disable, Some(PgSslMode::Require)),
        TlsMode::Prefer => (PgSslMode::Prefer, Some(PgSslMode::Disable)),
        TlsMode::Require => (PgSslMode::Require, None),
        TlsMode::VerifyCa => (PgSslMode::VerifyCa, None),
        TlsMode::VerifyFull => (PgSslMode::VerifyFull, None),
    };
    Place { connect: base.clone().host(&host.name).port(host.port).ssl_mode(mode), shown: host.to_string(), second }
}

/// Checks that the files can be read, because a failed login does not say which file it was.
fn check_files(tls: &Tls) -> Result<(), String> {
    let files = [("sslrootcert", &tls.authority), ("sslcert", &tls.certificate), ("sslkey", &tls.key)];
    for (name, file) in files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?))) {
        fs::read(file).map_err(|error| format!("the file of the parameter {name} cannot be read: {error}"))?;
    }
    Ok(())
}

/// Whether a server with another idea of TLS may accept the connection: its rules do not allow this connection, or the
/// handshake fails.
fn may_need_other_tls(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("28000"),
        _ => false,
    }
}

fn is_passing_error(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)
        }
        sqlx::Error::Database(error) => is_passing(error.code().as_deref()),
        _ => false,
    }
}

/// Whether the server refuses the options that carry our time limits, as poolers do.
fn refuses_options(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let code = error.code();
    !is_refusal_code(code.as_deref()) && matches!(code.as_deref(), Some("08P01" | "0A000" | "42704" | "22023"))
}

fn random_below(count: usize) -> usize {
    let number = RandomState::new().hash_one(0_u8);
    usize::try_from(number % u64::try_from(count).unwrap_or(1).max(1)).unwrap_or_default()
}
