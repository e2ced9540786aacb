//! Accounts that come from another system, with the hashes of their passwords there.

use crate::{
    Journey,
    shop::{LOGIN, PROFILE, email},
};
use serde_json::json;
use skep_journeys::{Deployment, Output, Server, Store};
use std::{fs, io::Write as _};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("imports::guide", the_accounts_of_the_guide_are_imported_and_log_in),
    Journey::new("imports::restart", an_import_can_be_run_again_and_overwrites_nothing),
    Journey::new("imports::faults", a_line_with_a_fault_is_named_and_stops_no_other),
    Journey::new("imports::dry_run", a_dry_run_checks_every_line_and_changes_nothing),
];

const GUIDE: &str = include_str!("../../../../docs/guides/authentication.md");
/// The password of each hash in the guide.
const OLD: &str = "bees build hexagons";
const BCRYPT: &str = "$2y$10$Xg3vKq8Lw1Zr5Tn0Hs7Me.nVpeQJWLzBJ2T3AR.vx5ReIFTZtqdNK";

fn lines_of_the_guide() -> &'static str {
    GUIDE.split("```jsonl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("lines in the guide")
}

fn import(deployment: &Deployment, lines: impl AsRef<[u8]>, more: &[&str]) -> Output {
    let path = deployment.path("accounts.jsonl");
    fs::write(&path, lines).expect("a file");
    let file = path.display().to_string();
    deployment.run(&[&["user", "import", "--file", &file], more].concat(), "", &[])
}

fn is_stored(deployment: &Deployment, text: &str) -> bool {
    deployment.stored().values().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// Whether a login of this account with this password succeeds.
fn opens(server: &Server, name: &str, password: &str) -> bool {
    let answer = server.visitor().post(LOGIN).json(json!({ "email": email(name), "password": password })).send();
    if answer.status != 200 {
        answer.refused(401, "invalid_credentials");
        return false;
    }
    true
}

fn the_accounts_of_the_guide_are_imported_and_log_in(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let imported = import(&deployment, lines_of_the_guide(), &[]).ok();
    assert_eq!(imported, "imported accounts: 4, skipped because they exist: 0, refused: 0\n");
    for tag in ["nVpeQJWLzBJ2T3AR", "qhiQsS9KntLOHRycXdFG71", "wWpaPbbsy5JwNPcQoag4d"] {
        assert!(!is_stored(&deployment, tag), "{tag} of the other system");
    }
    assert!(is_stored(&deployment, "$over$2b$10$") && is_stored(&deployment, "$over$P$B"));
    for name in ["ada", "bob", "carl"] {
        for wrong in ["bees build hexagons ", "Bees build hexagons"] {
            assert!(!opens(&server, name, wrong), "{name} {wrong}");
        }
    }
    assert!(is_stored(&deployment, "$over$2b$10$"), "a wrong password replaces no hash");
    for name in ["ada", "bob", "carl"] {
        assert!(opens(&server, name, OLD), "{name}");
    }
    assert!(!is_stored(&deployment, "$over$"), "a login replaces the hash");
    for name in ["ada", "bob", "carl"] {
        assert!(opens(&server, name, OLD), "{name} again");
        assert!(!opens(&server, name, "bees build hexagons "), "{name}");
    }
    assert!(!opens(&server, "dora", OLD), "an account without a hash has no password");
    let profile = |name: &str| {
        let credentials = json!({ "email": email(name), "password": OLD });
        let token = server.visitor().post(LOGIN).json(credentials).send().ok().text("/access_token");
        server.visitor().with_token(token).get(PROFILE).send().ok().json()
    };
    let (ada, carl) = (profile("ada"), profile("carl"));
    assert_eq!((&ada["roles"], &ada["email_verified"]), (&json!(["editor", "user"]), &json!(true)));
    assert_eq!((&carl["display_name"], &carl["email_verified"]), (&json!("Carl"), &json!(false)));
    assert_eq!(profile("bob")["display_name"], json!("bob"));
    server.stop();
}

fn an_import_can_be_run_again_and_overwrites_nothing(store: &Store) {
    let deployment = Deployment::new(store);
    let create = ["user", "create", "--email", "ada@example.com", "--display-name", "ada", "--password-stdin"];
    let server = deployment.start();
    deployment.run(&create, "correct horse battery staple\n", &[]).ok();
    let out = import(&deployment, lines_of_the_guide(), &[]).ok();
    assert!(out.starts_with("line 1: skipped, because the address has an account\n"), "{out}");
    assert!(out.ends_with("imported accounts: 3, skipped because they exist: 1, refused: 0\n"), "{out}");
    let again = import(&deployment, lines_of_the_guide(), &[]).ok();
    assert!(again.ends_with("imported accounts: 0, skipped because they exist: 4, refused: 0\n"), "{again}");
    assert!(!opens(&server, "ada", OLD) && opens(&server, "ada", "correct horse battery staple"));
    // Two spellings of one address are one account.
    let twice = format!("{}{}", line("Eve@example.com", ""), line("eve@EXAMPLE.com", ""));
    let out = import(&deployment, twice, &[]).ok();
    assert!(out.ends_with("imported accounts: 1, skipped because they exist: 1, refused: 0\n"), "{out}");
    server.stop();
}

fn line(email: &str, more: &str) -> String {
    format!("{{\"email\":\"{email}\"{more}}}\n")
}

fn a_line_with_a_fault_is_named_and_stops_no_other(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let hash = |hash: &str| format!(",\"password_hash\":\"{hash}\"");
    let argon2 = |params: &str| {
        hash(&format!("$argon2id$v=19${params}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"))
    };
    let faults: &[(String, &str)] = &[
        ("{\n".to_owned(), "is not the JSON object of an account"),
        ("[]\n".to_owned(), "is not the JSON object of an account"),
        (line("x@example.com", ",\"is_admin\":true"), "unknown field `is_admin`"),
        (line("x@example.com", ",\"e\\u001b[31m\":true"), "unknown field `e\u{fffd}[31m`"),
        (
            line("x@example.com", ",\"email_verified\":\"$2y$10$planted\""),
            "has a wrong value, expected a boolean, at column",
        ),
        (line("x@example.com", ",\"email\":\"y@example.com\""), "duplicate field `email`"),
        (line("no address", ""), "email: "),
        (line("x@example.com", ",\"display_name\":\"\""), "display_name: "),
        (line("x@example.com", ",\"roles\":[\"Queen\"]"), "roles/0: "),
        (line("x@example.com", ",\"roles\":[\"baker\"]"), "roles/0: does not exist"),
        (line("x@example.com", &hash("secret")), "password_hash: must be a hash of argon2id or argon2i"),
        (line("x@example.com", &hash("$2y$10$short")), "password_hash: is not a complete hash of bcrypt"),
        (line("x@example.com", &hash(&BCRYPT.replace("$10$", "$31$"))), "the cost of bcrypt must be at most 14"),
        (
            line("x@example.com", &argon2("m=4194304,t=1,p=1")),
            "the memory in KiB (m) of argon2id must be at most 262144",
        ),
        (
            line("x@example.com", &argon2("m=4096,t=2147483648,p=1")),
            "the number of passes (t) of argon2id must be at most 10",
        ),
        (
            line("x@example.com", &argon2("m=4096,t=1,p=16777216")),
            "the number of lanes (p) of argon2id must be at most 64",
        ),
        (line("x@example.com", &format!(",\"display_name\":\"{}\"", "x".repeat(1 << 20))), "has more than 16384 bytes"),
    ];
    let mut file = fs::File::create(deployment.path("lines")).expect("a file");
    for (text, _) in faults {
        file.write_all(text.as_bytes()).expect("a line");
    }
    file.write_all(line("ada@example.com", &hash(BCRYPT)).as_bytes()).expect("a line");
    drop(file);
    let output = import(&deployment, fs::read(deployment.path("lines")).expect("a file"), &[]);
    assert!(!output.err.contains("planted") && !output.err.contains('\u{1b}'), "{output:?}");
    assert!(
        output
            .out
            .ends_with(&format!("imported accounts: 1, skipped because they exist: 0, refused: {}\n", faults.len())),
        "{output:?}"
    );
    for (at, (_, text)) in faults.iter().enumerate() {
        let start = format!("line {}: ", at + 1);
        let shown = output.err.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
        assert!(shown.contains(text), "{shown:?} has not {text:?}");
    }
    output.refused(&[&format!("lines that were refused: {}", faults.len())]);
    assert!(opens(&server, "ada", OLD));
    deployment.run(&["user", "import", "--file", "missing.jsonl"], "", &[]).refused(&["the file cannot be read"]);
    server.stop();
}

fn a_dry_run_checks_every_line_and_changes_nothing(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let out = import(&deployment, lines_of_the_guide(), &["--dry-run"]).ok();
    assert_eq!(out, "would import accounts: 4, skipped because they exist: 0, refused: 0\n");
    let faulty = line("eve@example.com", ",\"roles\":[\"baker\"]") + &line("fay@example.com", "");
    let output = import(&deployment, faulty, &["--dry-run"]);
    assert_eq!(output.out, "would import accounts: 1, skipped because they exist: 0, refused: 1\n");
    output.refused(&["line 1: roles/0: does not exist"]);
    assert!(!is_stored(&deployment, "@example.com"));
    import(&deployment, lines_of_the_guide(), &[]).ok();
    let out = import(&deployment, lines_of_the_guide(), &["--dry-run"]).ok();
    assert!(out.ends_with("would import accounts: 0, skipped because they exist: 4, refused: 0\n"), "{out}");
    server.stop();
}
