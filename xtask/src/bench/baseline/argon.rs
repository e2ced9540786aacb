//! Argon2id alone, with the cost parameters of the server.

use super::{super::Fault, Looped};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const PASSWORD: &[u8] = b"correct horse battery staple";

/// Verifies a password repeatedly, as logins do.
pub(super) fn verify(threads: usize, time: Duration) -> Result<Looped, Fault> {
    let stored = Argon2::default().hash_password(PASSWORD).map_err(|error| error.to_string())?.to_string();
    let before = super::super::process::cpu(std::process::id())?;
    let (start, rounds) = (Instant::now(), AtomicU64::new(0));
    let one = || -> Result<(), String> {
        let hash = PasswordHash::new(&stored).map_err(|error| error.to_string())?;
        while start.elapsed() < time {
            Argon2::default().verify_password(PASSWORD, &hash).map_err(|error| error.to_string())?;
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
    })?;
    super::summary(rounds.load(Ordering::Relaxed), start.elapsed(), before)
}
