//! Files that a scanner judges.

use skep::testing::TestKit;
use skep_application::{
    App, Ports,
    files::{FileView, Files, MockScanner, Rescan, Scanned, UploadFileCommand},
    jobs::{JobRun, WorkerLink},
    kernel::Actor,
    testing::user,
};
use skep_domain::{
    files::{FileName, FilePurpose, FileVisibility, ThreatName, Verdict},
    jobs::{Progress, QueueName},
};
use std::sync::Arc;

struct Worker;

impl WorkerLink for Worker {
    fn report(&self, _: Progress) {}
    fn should_stop(&self) -> bool {
        false
    }
}

/// Stores a file that a scanner finds infected.
pub(super) async fn store_an_infected_file(kit: &TestKit) {
    let app = kit.app();
    let (mut scanner, threat) = (MockScanner::new(), ThreatName::of("Eicar-Test-Signature"));
    let found = Verdict::Infected(threat.clone());
    scanner.expect_scan().times(1).returning(move |_| Ok(found.clone()));
    let ports = Ports { scanner: Some(Arc::new(scanner)), ..app.ports.clone() };
    let files = files_of(app, &ports);
    let file = upload(&files).await;
    let claimed = app.jobs.claim_jobs.prepare(&QueueName::scans(), 1).execute().await.unwrap();
    let job = JobRun::of(claimed[0].clone(), Arc::new(Worker)).unwrap();
    assert_eq!(files.scan_file.execute(&job, file.id).await.unwrap(), Scanned::Infected(threat));
}

/// The use cases of files over these ports.
fn files_of(app: &App, ports: &Ports) -> Files {
    Files::new(ports, app.policies.files, app.policies.images.clone(), app.policies.jobs)
}

/// Stores a file.
async fn upload(files: &Files) -> FileView {
    let command = UploadFileCommand {
        name: FileName::parse("a.txt").unwrap(),
        purpose: FilePurpose::Attachment,
        visibility: FileVisibility::Private,
        size: None,
        checksum: None,
    };
    let mut upload = files.upload_file.begin(&user(1), command).await.ok().unwrap();
    upload.write(b"honey").await.unwrap();
    upload.finish(&user(1), None).await.unwrap()
}

/// Releases a file that waited for a scanner which is gone.
pub(super) async fn release_a_file(kit: &TestKit) {
    let app = kit.app();
    let ports = Ports { scanner: Some(Arc::new(MockScanner::new())), ..app.ports.clone() };
    upload(&files_of(app, &ports)).await;
    let done = app.files.rescan_files.execute(&Actor::system("test"), Rescan::Release, &mut |_| {}).await.unwrap();
    assert_eq!((done.quarantined, done.released), (1, 1));
}
