//! A shop on a new store, and its server.

use super::{
    Fault,
    client::{Answer, Ids, Load, Outcome, Pace, Source, Window, ask, bearer, bytes, run},
    measure::Unobserved,
    process::Process,
};
use serde::de::DeserializeOwned;
use skep_journeys::{Store, TestDatabase};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
    time::Duration,
};
use tempfile::TempDir;

/// The longest time that a fill may take.
const FILL: Duration = Duration::from_secs(30 * 60);
/// The pieces of every product. They are more than a run can sell.
const STOCK: u32 = 100_000_000;
/// The number of repeats if the server is busy, and the pause before each.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);
const PASSWORD: &str = "correct horse battery staple";
const IN_FLIGHT: usize = 64;

/// The limits that are raised out of reach of a measurement. An older server does not know all of them.
const RAISED: [(&str, &str); 8] = [
    ("SKEP_LIMIT_ADDRESS", "4000000000"),
    ("SKEP_LIMIT_USER", "4000000000"),
    ("SKEP_LIMIT_CREDENTIALS", "4000000000"),
    ("SKEP_LIMIT_IN_FLIGHT", "1000000"),
    ("SKEP_LOGIN_ATTEMPTS", "4000000000"),
    ("SKEP_LOGIN_ACCOUNT_ATTEMPTS", "4000000000"),
    ("SKEP_OPEN_ORDER_LINES", "0"),
    ("SKEP_UNCOUNTED_NETWORKS", "127.0.0.0/8"),
];
/// What `skep check` says about a setting that it does not know.
const UNKNOWN: &str = "there is no such setting";

/// A new store, and the settings of servers on it.
#[derive(Debug)]
pub(crate) struct Stand {
    place: TestDatabase,
    folder: TempDir,
    binary: PathBuf,
    settings: BTreeMap<String, String>,
}

impl Stand {
    /// Creates a database and a folder.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub(crate) fn new(binary: &Path, store: &Store) -> Result<Self, Fault> {
        let folder = tempfile::Builder::new().prefix("skep-bench-").tempdir()?;
        let place = store.new_database();
        let mut settings = BTreeMap::from(RAISED.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // The same for every server and every start, so that each accepts the tokens of the others.
        settings.insert("PUBLIC_URL".to_owned(), "http://bench.test".to_owned());
        // A run lasts longer than a token does by default.
        settings.insert("SKEP_TOKEN_LIFETIME".to_owned(), "3600".to_owned());
        settings.insert("SKEP_DATA_DIR".to_owned(), folder.path().join("data").display().to_string());
        settings.extend(place.variable().map(|(name, value)| (name.to_owned(), value)));
        let mut stand = Self { place, folder, binary: binary.to_owned(), settings };
        stand.forget_unknown()?;
        Ok(stand)
    }

    /// Gives the next start the default limits and these settings, except those that the server does not know.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub(crate) fn limit(&mut self, settings: &[(&str, &str)]) -> Result<(), Fault> {
        self.settings.retain(|name, _| RAISED.iter().all(|(raised, _)| raised != name));
        self.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.forget_unknown()
    }

    /// Removes the settings that the server does not know, so that older servers can be measured.
    fn forget_unknown(&mut self) -> Result<(), Fault> {
        let mut check = Command::new(&self.binary);
        check.arg("check").env_clear().envs(&self.settings).env("PORT", "0").current_dir(self.folder.path());
        let output = check.output()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let unknown: Vec<&str> = text.lines().filter(|line| line.contains(UNKNOWN)).collect();
        self.settings.retain(|name, _| !unknown.iter().any(|line| line.split_whitespace().any(|word| word == name)));
        Ok(())
    }

    /// Creates another stand on the same kind of store.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub(crate) fn another(&self) -> Result<Self, Fault> {
        Self::new(&self.binary, self.place.store())
    }

    pub(crate) const fn store(&self) -> &Store {
        self.place.store()
    }

    /// The address of its database, if it is on a server.
    pub(crate) fn address(&self) -> Option<String> {
        self.place.variable().map(|(_, value)| value)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of its database, on SQLite.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("data").join("skep.db")
    }

    /// Starts the server.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(&self) -> Result<Process, Fault> {
        Process::skep(Command::new(&self.binary), &self.settings, self.folder.path())
    }

    /// Starts a second instance beside the first, with another folder and the same secret.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start_second(&self) -> Result<Process, Fault> {
        let folder = self.folder.path().join("second");
        fs::create_dir_all(&folder)?;
        let secret = self.folder.path().join("data").join("instance.secret");
        let mut settings = self.settings.clone();
        settings.insert("SKEP_DATA_DIR".to_owned(), folder.join("data").display().to_string());
        settings.insert("SKEP_SECRET_FILE".to_owned(), secret.display().to_string());
        Process::skep(Command::new(&self.binary), &settings, &folder)
    }

    /// Starts this program as the server, with background work of its own ([`Inside`](super::inside::Inside)).
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start_inside(&self, arguments: &[&str]) -> Result<Process, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("inside").args(arguments);
        Process::skep(command, &self.settings, self.folder.path())
    }

    /// Runs background work on the store in a new process of this program, and returns its results.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(crate) fn inside<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("inside").args(arguments).env_clear().envs(&self.settings).current_dir(self.folder.path());
        let output = command.output()?;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }

    /// Migrates the store without starting the server.
    ///
    /// # Errors
    /// If a migration fails.
    pub(crate) fn migrate(&self) -> Result<(), Fault> {
        let mut command = Command::new(&self.binary);
        command.args(["migrate", "up"]).env_clear().envs(&self.settings).current_dir(self.folder.path());
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }

    /// The token for setup that the server has printed.
    fn setup_token(&self) -> Result<String, Fault> {
        let text = fs::read_to_string(self.folder.path().join("out"))?;
        let rest = text.split_once("\"token\":\"").map(|(_, rest)| rest);
        let token = rest.and_then(|rest| rest.split_once('"')).map(|(token, _)| token.to_owned());
        token.ok_or_else(|| "the server has printed no setup token".into())
    }
}

/// A server with an admin, customers, and products in stock.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) server: Process,
    pub(crate) admin: String,
    /// The tokens of customers.
    pub(crate) customers: Rc<[String]>,
    /// The ids of the products.
    pub(crate) products: Rc<[String]>,
}

impl Shop {
    /// Starts the server and fills it through its API.
    ///
    /// # Errors
    /// If the server does not start or refuses a request.
    pub(crate) fn open(stand: &Stand, products: usize, customers: usize) -> Result<Self, Fault> {
        let server = stand.start()?;
        let address = server.address();
        let body = format!(r#""email":"admin@example.com","password":"{PASSWORD}","display_name":"Admin""#);
        let setup = format!(r#"{{"token":"{}",{body}}}"#, stand.setup_token()?);
        post(address, "/api/v1/setup", &setup, 201)?;
        let admin = log_in(address, "admin@example.com")?;
        let mut tokens = vec![];
        for number in 0..customers {
            let email = customer(number);
            let account = format!(r#"{{"email":"{email}","password":"{PASSWORD}","display_name":"Customer"}}"#);
            post(address, "/api/v1/auth/register", &account, 201)?;
            tokens.push(log_in(address, &email)?);
        }
        let products = fill(address, &admin, 0..products)?;
        server.forget_log()?;
        Ok(Self { server, admin, customers: tokens.into(), products: products.into() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A source of random products.
    pub(crate) fn ids(&self, seed: u64) -> Ids {
        Ids::new(self.products.clone(), seed)
    }
}

/// The e-mail address of the customer with this number.
pub(crate) fn customer(number: usize) -> String {
    format!("customer{number}@example.com")
}

/// The body of a login.
pub(crate) fn credentials(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#)
}

fn log_in(address: SocketAddr, email: &str) -> Result<String, Fault> {
    let answer = post(address, "/api/v1/auth/login", &credentials(email), 200)?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
}

/// Sends a POST request. Repeats it while the server is busy, as it may be just after its start.
fn post(address: SocketAddr, target: &str, body: &str, expected: u16) -> Result<serde_json::Value, Fault> {
    let request = bytes("POST", target, "", Some(body));
    let mut answer = ask(address, &request)?;
    for _ in 0..ATTEMPTS {
        if answer.status != 503 {
            break;
        }
        std::thread::sleep(PAUSE);
        answer = ask(address, &request)?;
    }
    answer.expect(expected)?.json()
}

/// The body of a request that creates a product.
pub(crate) fn product(number: usize) -> String {
    let price = 100 + number % 9_900;
    format!(
        r#"{{"sku":"BENCH-{number:09}","name":"Linden honey {number:09}, 250 g","description":"Cold extracted, never heated above 40 °C.","price":{{"amount":{price},"currency":"EUR"}},"stock":{STOCK}}}"#
    )
}

/// Creates the products with these numbers and returns their ids.
///
/// # Errors
/// If the server refuses one.
pub(crate) fn fill(address: SocketAddr, admin: &str, numbers: std::ops::Range<usize>) -> Result<Vec<String>, Fault> {
    fill_with(address, admin, numbers, product)
}

/// Creates products with these numbers, each with the body that `body` makes of it, and returns their ids.
///
/// # Errors
/// If the server refuses one.
pub(crate) fn fill_with(
    address: SocketAddr,
    admin: &str,
    numbers: std::ops::Range<usize>,
    body: fn(usize) -> String,
) -> Result<Vec<String>, Fault> {
    let head = bearer(admin);
    let patience = 100 + numbers.len() / 10;
    let mut source = Fill { head, numbers, body, again: vec![], made: vec![], patience };
    let load = Load { address, pace: Pace::Closed { in_flight: IN_FLIGHT }, source: &mut source };
    let window = Window { warm_up: Duration::ZERO, length: FILL };
    let measured = run(&mut [load], window, &mut Unobserved)?;
    match measured.into_iter().find_map(|measured| measured.first_wrong) {
        None => Ok(source.made),
        Some(wrong) => Err(format!("the shop cannot be filled: {wrong}").into()),
    }
}

struct Fill {
    head: String,
    numbers: std::ops::Range<usize>,
    body: fn(usize) -> String,
    /// The numbers of products that a busy server has refused.
    again: Vec<usize>,
    made: Vec<String>,
    /// The number of refusals that are still tolerated.
    patience: usize,
}

impl Source for Fill {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let number = self.again.pop().or_else(|| self.numbers.next())?;
        // With a key, a refused request can be repeated safely.
        let head = format!("{}Idempotency-Key: fill-{number}\r\n", self.head);
        out.extend(bytes("POST", "/api/v1/products", &head, Some(&(self.body)(number))));
        Some(number as u64)
    }

    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        if answer.status == 503 && self.patience > 0 {
            self.patience -= 1;
            self.again.push(usize::try_from(tag).unwrap_or_default());
            return Ok(Outcome::Refused);
        }
        answer.expect(201)?;
        let body = answer.json()?;
        self.made.push(body["id"].as_str().ok_or("a product without an id")?.to_owned());
        Ok(Outcome::Done)
    }
}
