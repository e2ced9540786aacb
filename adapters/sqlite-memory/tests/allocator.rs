//! SQLite with mimalloc. One test, because SQLite has one allocator in a process.
#![expect(unsafe_code, reason = "the allocator is set while no other thread uses SQLite")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use rusqlite::Connection;
use skep_sqlite_memory::{InUse, use_mimalloc};
use std::thread;

#[test]
fn sqlite_works_with_mimalloc_and_refuses_a_change_once_it_is_in_use() {
    // SAFETY: this is the only test of the program, and it has started no thread.
    assert_eq!(unsafe { use_mimalloc() }, Ok(()));
    // Memory that is freed on another thread, and pieces from a few bytes to a megabyte.
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(grow_and_shrink)).collect();
    for connection in threads.into_iter().map(|thread| thread.join().unwrap()) {
        let length: i64 = connection.query_row("SELECT sum(length(text)) FROM texts", [], |row| row.get(0)).unwrap();
        assert_eq!(length, 1_111_111);
    }
    // SAFETY: the threads have ended.
    assert_eq!(unsafe { use_mimalloc() }, Err(InUse));
}

fn grow_and_shrink() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute("CREATE TABLE texts (text TEXT)", []).unwrap();
    for digits in 0..7 {
        let text = "x".repeat(10_usize.pow(digits));
        connection.execute("INSERT INTO texts (text) VALUES (?1)", [&text]).unwrap();
    }
    connection.execute("UPDATE texts SET text = substr(text, 1)", []).unwrap();
    connection
}
