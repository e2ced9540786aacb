//! The `skep` command.

use std::process::ExitCode;

/// The allocator of our Rust code. A request makes hundreds of small allocations on several threads. SQLite gets the same
/// one. Other C code keeps the allocator of the system, so that a preloaded library finds the one that it expects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(unsafe_code, reason = "SQLite gets its allocator before any thread starts")]
fn main() -> ExitCode {
    // SAFETY: the process has no other thread yet.
    unsafe { skep_sqlite_memory::use_mimalloc() }.expect("no database is open yet");
    skep::commands::run()
}
