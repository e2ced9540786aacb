//! The guide to the clients shows the tested files, word for word.

const GUIDE: &str = include_str!("../../../../docs/guides/clients.md");

/// The files that the guide quotes.
const SOURCES: &[&str] = &[
    include_str!("../../Cargo.toml"),
    include_str!("../../build.rs"),
    include_str!("rust.rs"),
    include_str!("../../typescript/package.json"),
    include_str!("../../typescript/tsconfig.json"),
    include_str!("../../typescript/src/place-order.ts"),
];

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn every_block_is_part_of_a_tested_file() {
    let sources: Vec<String> = SOURCES.iter().map(|source| words(source)).collect();
    let blocks = GUIDE.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let blocks: Vec<&str> = blocks.filter(|(kind, _)| *kind != "sh").map(|(_, text)| text).collect();
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    for block in blocks {
        assert!(sources.iter().any(|source| source.contains(&words(block))), "not part of a tested file:\n{block}");
    }
}
