//! The archive of an export has the sections that the tables declare.

use skep::testing::TestKit;
use skep_application::kernel::Export;
use std::collections::BTreeSet;

#[tokio::test]
async fn each_section_that_a_table_declares_is_written_and_no_other() {
    let kit = TestKit::configured(|_| {}).await;
    let written: Vec<_> = kit.app().export_account.sections().collect();
    let declared = skep_application::erasures().filter_map(|(_, data)| match data.export() {
        Some(Export::Sections(sections)) => Some(sections),
        _ => None,
    });
    let declared: BTreeSet<_> = declared.flatten().copied().collect();
    assert_eq!(written.iter().copied().collect::<BTreeSet<_>>(), declared);
    assert_eq!(written.len(), declared.len(), "none is written twice");
}
