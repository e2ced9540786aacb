//! A process of the test server, and a mailer that sends to it.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde::Deserialize;
use skep_domain::notifications::MailAddress;
use skep_local::system_runtime;
use skep_mail::SmtpMailer;
use skep_outbound::{AddressFilter, BreakerPolicy, Dialer, Phases, Roots, SystemResolver};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// How the server behaves, and how the client is set.
#[derive(Default)]
pub(crate) struct Options {
    /// A fault as `PHASE=ACTION`.
    pub(crate) fault: Option<&'static str>,
    /// The option of the server for TLS: `--tls` or `--starttls`.
    pub(crate) tls: Option<&'static str>,
    /// The user and the password that the server wants.
    pub(crate) auth: Option<[&'static str; 2]>,
    /// The scheme and the credentials of the client's URL; `smtp://` if it is empty.
    pub(crate) scheme: &'static str,
    /// The parameters of the client's URL.
    pub(crate) query: &'static str,
    /// The client trusts no certificate of the server.
    pub(crate) is_distrusted: bool,
    /// When the breaker of the client opens.
    pub(crate) breaker: BreakerPolicy,
    /// How long the client waits for each answer.
    pub(crate) read: Option<Duration>,
}

/// A mail that the server has taken.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    pub(crate) to: Vec<String>,
    #[serde(deserialize_with = "decoded")]
    pub(crate) message: Vec<u8>,
    pub(crate) is_encrypted: bool,
    pub(crate) user: Option<String>,
    pub(crate) is_utf8: bool,
}

fn decoded<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    use base64::Engine as _;
    let text = String::deserialize(deserializer)?;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)
}

pub(crate) struct Server {
    pub(crate) mailer: Arc<SmtpMailer>,
    child: Child,
    home: TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server, and a mailer that sends to it.
    pub(crate) fn start(python: &Path, options: &Options) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(file("certificate"), cert.pem()).unwrap();
        fs::write(file("key"), signing_key.serialize_pem()).unwrap();
        let mut command = Command::new(python);
        command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp/server.py"), &file("mails")]);
        command.args(options.fault.map(|fault| format!("--fault={fault}")));
        if let Some(tls) = options.tls {
            command.args([tls, &file("certificate"), &file("key")]);
        }
        if let Some([user, password]) = options.auth {
            command.args(["--auth", user, password]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let scheme = if options.scheme.is_empty() { "smtp://" } else { options.scheme };
        let url = format!("{scheme}localhost:{}{}", port.trim(), options.query);
        let roots = if options.is_distrusted { Roots::default() } else { roots(&cert.pem()) };
        let mailer = Arc::new(mailer(&url, options, roots, &["127.0.0.0/8", "::1/128"]));
        Self { mailer, child, home, port: port.trim().parse().unwrap() }
    }

    /// The host and the port.
    pub(crate) fn place(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The mails that the server has taken.
    pub(crate) fn mails(&self) -> Vec<Taken> {
        let lines = fs::read_to_string(self.home.path().join("mails")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn roots(pem: &str) -> Roots {
    Roots::default().with_pem(pem.as_bytes()).unwrap()
}

/// A mailer for the server with this URL, which may be in these networks.
pub(crate) fn mailer(url: &str, options: &Options, roots: Roots, networks: &[&str]) -> SmtpMailer {
    let seconds = Duration::from_secs;
    let phases = Phases {
        connect: seconds(10),
        tls: seconds(10),
        read: options.read.unwrap_or(seconds(10)),
        total: seconds(30),
    };
    let filter = AddressFilter::allowing(networks.iter().map(|network| network.parse().unwrap()));
    let dialer = Dialer::new(filter, Arc::new(SystemResolver), phases, roots).unwrap();
    let sender = MailAddress::parse("shop@example.com").unwrap();
    SmtpMailer::new(url.parse().unwrap(), &sender, dialer, options.breaker, system_runtime())
}
