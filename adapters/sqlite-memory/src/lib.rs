//! Lets SQLite allocate with mimalloc. SQLite makes and frees dozens of small pieces of memory for each statement.
//!
//! Only this crate and its callers have unsafe code, because SQLite takes its allocator as C functions. A program decides
//! about its allocator, so `skep` calls [`use_mimalloc`] and no other crate does (docs/adr/0012).
#![expect(
    unsafe_code,
    reason = "SQLite and mimalloc are C libraries, and these functions are passed from one to the other"
)]

use rusqlite::ffi;
use std::{
    ffi::{c_int, c_void},
    ptr,
};

/// The allocator of SQLite could not be set, because a database is or was open in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse;

/// Makes mimalloc the allocator of SQLite in this process. Call it once, before the first database is opened.
///
/// SQLite also stops counting its memory. The count costs a lock that all threads share at each allocation, and nothing
/// reads it.
///
/// # Errors
/// [`InUse`] if SQLite has been used before. It then keeps its allocator.
///
/// # Safety
/// No other thread may use SQLite during the call, because SQLite reads and writes this configuration without a lock.
/// A call at the start of `main` is safe.
pub unsafe fn use_mimalloc() -> Result<(), InUse> {
    let methods = ffi::sqlite3_mem_methods {
        xMalloc: Some(allocate),
        xFree: Some(release),
        xRealloc: Some(resize),
        xSize: Some(size),
        xRoundup: Some(round_up),
        xInit: Some(start),
        xShutdown: Some(stop),
        pAppData: ptr::null_mut(),
    };
    // SAFETY: `sqlite3_config` takes a pointer to the methods for this option, and an int for the other one. SQLite copies
    // the methods before it returns. If SQLite is in use, it refuses the call and changes nothing. The caller promises
    // that no other thread uses SQLite meanwhile.
    let results = unsafe {
        [
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, ptr::from_ref(&methods)),
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int),
        ]
    };
    if results == [ffi::SQLITE_OK; 2] { Ok(()) } else { Err(InUse) }
}

/// Returns null for a size that is not positive. SQLite asks for none.
unsafe extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    let Ok(bytes) = usize::try_from(bytes) else { return ptr::null_mut() };
    // SAFETY: `mi_malloc` takes any size. Its memory is aligned to at least 8 bytes, as SQLite requires.
    unsafe { libmimalloc_sys::mi_malloc(bytes) }
}

unsafe extern "C" fn release(memory: *mut c_void) {
    // SAFETY: SQLite passes memory that `allocate` or `resize` returned, and does not use it afterwards.
    unsafe { libmimalloc_sys::mi_free(memory) }
}

unsafe extern "C" fn resize(memory: *mut c_void, bytes: c_int) -> *mut c_void {
    let Ok(bytes) = usize::try_from(bytes) else { return ptr::null_mut() };
    // SAFETY: SQLite passes memory that `allocate` or `resize` returned. If the result is null, that memory stays valid,
    // which SQLite expects.
    unsafe { libmimalloc_sys::mi_realloc(memory, bytes) }
}

unsafe extern "C" fn size(memory: *mut c_void) -> c_int {
    // SAFETY: SQLite passes memory that `allocate` or `resize` returned.
    c_int::try_from(unsafe { libmimalloc_sys::mi_usable_size(memory) }).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
    let Ok(asked) = usize::try_from(bytes) else { return bytes };
    // SAFETY: `mi_good_size` only computes.
    c_int::try_from(unsafe { libmimalloc_sys::mi_good_size(asked) }).unwrap_or(bytes)
}

/// mimalloc needs no preparation.
unsafe extern "C" fn start(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn stop(_: *mut c_void) {}
