//! Some buyers in a process of their own, for `tests/processes.rs`.
fn main() {}
