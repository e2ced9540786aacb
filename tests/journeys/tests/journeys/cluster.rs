//! A pod of Kubernetes, simulated: its variables, its mounts and its user are those of `docs/guides/kubernetes.md`.

use crate::{
    Journey,
    shop::{PROFILE, REGISTER, account, log_in},
};
use skep_journeys::{Deployment, Server, Store};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::Path,
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("cluster::pod", a_pod_starts_and_starts_again),
    Journey::new("cluster::volume", the_secret_in_a_volume_survives_a_mount),
    Journey::new("cluster::default_mode", the_default_mode_of_a_secret_is_refused_with_the_remedy),
    Journey::new("cluster::slips", slips_are_still_refused),
];

const GUIDE: &str = include_str!("../../../../docs/guides/kubernetes.md");
const SECRET: &str = "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0\n";
/// The services of the namespace. Some are named like settings, or like a part of the names that Kubernetes makes.
const SERVICES: &[&str] =
    &["skep", "skep-postgresql", "skep-redis", "skep-hash", "skep-limit-user", "skep-service-port"];

/// The value of a field in the manifest.
fn field(name: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!(" {name}: ")).unwrap_or_else(|| panic!("the guide has no {name}"));
    rest.lines().next().expect("a value").trim()
}

/// A mode in the manifest, which is octal as in YAML.
fn mode(name: &str) -> u32 {
    u32::from_str_radix(field(name), 8).expect("an octal number")
}

/// The variables of the manifest that have a value there.
fn variables() -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = GUIDE.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let name = pair[0].strip_prefix("- name: ")?;
        Some((name, pair[1].strip_prefix("value: ")?.trim_matches('"')))
    });
    pairs.collect()
}

/// Adds what Kubernetes adds for each service.
fn inject(deployment: &mut Deployment) {
    for (at, service) in SERVICES.iter().enumerate() {
        let (name, address) = (service.to_uppercase().replace('-', "_"), format!("10.96.0.{}", at + 1));
        for (end, value) in [
            ("SERVICE_HOST", address.clone()),
            ("SERVICE_PORT", "80".to_owned()),
            ("SERVICE_PORT_HTTP", "80".to_owned()),
            ("PORT", format!("tcp://{address}:80")),
            ("PORT_80_TCP", format!("tcp://{address}:80")),
            ("PORT_80_TCP_PROTO", "tcp".to_owned()),
            ("PORT_80_TCP_PORT", "80".to_owned()),
            ("PORT_80_TCP_ADDR", address.clone()),
        ] {
            deployment.set(&format!("{name}_{end}"), value);
        }
    }
}

/// Mounts a secret as kubelet does: the file is a link to a link to a folder with a date.
fn mount_secret(folder: &Path, group: Option<u32>, mode: u32) {
    let dated = folder.join("..2026_11_30_10_00_00.1");
    fs::create_dir_all(&dated).expect("a folder");
    let file = dated.join("secret");
    fs::write(&file, SECRET).expect("a file");
    if let Some(group) = group {
        chown(&file, Some(0), Some(group)).expect("root may do that");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a file of ours");
    symlink("..2026_11_30_10_00_00.1", folder.join("..data")).expect("a link");
    symlink("..data/secret", folder.join("secret")).expect("a link");
}

/// Gives a volume to a group as kubelet does before each start of a pod: the folder keeps its owner.
fn mount_volume(folder: &Path, group: Option<u32>) {
    fs::create_dir_all(folder).expect("a folder");
    let give = |path: &Path, bits: u32| {
        chown(path, None, group).expect("our own group, or root may do that");
        let mode = fs::metadata(path).expect("a file").permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | bits)).expect("a file of ours");
    };
    give(folder, 0o2770);
    for file in fs::read_dir(folder).expect("a folder") {
        give(&file.expect("a file").path(), 0o660);
    }
}

/// A deployment with the variables, the user and the volume of the guide. Returns the group of its mounts, if this
/// process may set one.
fn pod(store: &Store) -> (Deployment, Option<u32>) {
    let mut deployment = Deployment::new(store);
    let files = deployment.path("files");
    inject(&mut deployment);
    for (name, value) in variables() {
        match name {
            // These are places in the container.
            "PORT" | "SKEP_DATA_DIR" | "SKEP_SECRET_FILE" => {}
            "SKEP_FILES_DIR" => deployment.set(name, files.display().to_string()),
            _ => deployment.set(name, value),
        }
    }
    let (user, group) = (field("runAsUser").parse().expect("a user"), field("fsGroup").parse().expect("a group"));
    let group = deployment.become_user(user).then_some(group);
    mount_volume(&deployment.path("data"), group);
    mount_volume(&files, group);
    (deployment, group)
}

/// The probes of the guide, and a request that writes.
fn serves(server: &Server, name: &str) {
    for probe in ["/health", "/ready"] {
        assert!(GUIDE.contains(&format!("path: {probe}, ")), "{probe}");
        server.visitor().get(probe).send().expect(200);
    }
    server.visitor().post(REGISTER).json(account(name)).send().expect(201);
    log_in(server, name).get(PROFILE).send().expect(200);
}

fn a_pod_starts_and_starts_again(store: &Store) {
    let (mut deployment, group) = pod(store);
    let mount = deployment.path("mount");
    // Without root, this user owns the file itself.
    mount_secret(&mount, group, if group.is_some() { mode("defaultMode") } else { 0o400 });
    deployment.set("SKEP_SECRET_FILE", mount.join("secret").display().to_string());
    let checked = deployment.run(&["check"], "", &[]).ok();
    assert!(checked.contains("the server can start"), "{checked}");
    let server = deployment.start();
    serves(&server, "ada");
    server.stop();

    mount_volume(&deployment.path("data"), group);
    deployment.run(&["check"], "", &[]).ok();
    let server = deployment.start();
    log_in(&server, "ada");
    serves(&server, "bob");
    server.stop();
}

fn the_secret_in_a_volume_survives_a_mount(store: &Store) {
    let (deployment, group) = pod(store);
    let server = deployment.start();
    serves(&server, "ada");
    server.stop();
    mount_volume(&deployment.path("data"), group);
    let mode = || fs::metadata(deployment.secret_file()).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o660);
    deployment.run(&["check"], "", &[]).ok();
    let server = deployment.start();
    log_in(&server, "ada");
    assert_eq!(mode(), 0o600, "the start closes it again");
    server.stop();
}

fn the_default_mode_of_a_secret_is_refused_with_the_remedy(store: &Store) {
    let (mut deployment, group) = pod(store);
    let mount = deployment.path("mount");
    mount_secret(&mount, group, 0o644);
    deployment.set("SKEP_SECRET_FILE", mount.join("secret").display().to_string());
    let texts = ["other users can use", "defaultMode: 0440", "fsGroup"];
    deployment.run(&["serve"], "", &[]).refused(&texts);
    let checked = deployment.run(&["check"], "", &[]);
    assert!(checked.code == Some(1) && texts.iter().all(|text| checked.out.contains(text)), "{checked:?}");
    if group.is_some() {
        // Mounted for root alone, because the pod has no group.
        let file = mount.join("..data/secret");
        chown(&file, Some(0), Some(0)).expect("root may do that");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).expect("ours");
        deployment.run(&["serve"], "", &[]).refused(&["this user may not read", "fsGroup"]);
    }
    let status = deployment.run(&["migrate", "status"], "", &[]).ok();
    assert!(status.lines().all(|line| line.contains("missing")), "the schema is not touched: {status}");
}

fn slips_are_still_refused(store: &Store) {
    let (deployment, _) = pod(store);
    for (name, value) in [
        ("SKEP_PORT", "8080"),
        ("SKEP_SERVICE_HOST", "skep.default.svc"),
        ("SKEP_METRICS_PORT", "9464"),
        ("SKEP_TRUSTED_PROXY", "10.0.0.0/8"),
        ("SKEP_PORT_80_TCP_PORT", "81"),
    ] {
        let texts = [&format!("{name} (environment): there is no such setting")[..]];
        deployment.run(&["serve"], "", &[(name, value)]).refused(&texts);
    }
}
