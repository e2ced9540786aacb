//! What a scanner says about the content of a file, and what follows from it.
//!
//! A file that is judged is quarantined first: its content is stored, and no user gets it. It leaves the quarantine by a
//! verdict, because a user deletes it, or because an operator releases it. Time alone does not end the quarantine.

use super::{File, FileContent, FileState, NotUploading};
use crate::shared::{LeaseToken, Timestamp, string_type};

/// The time in milliseconds for which an infected file is shown to its owner: 30 days. Then a sweep deletes it.
pub const INFECTED_KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;

string_type! {
    /// The name that a scanner has for what it has found: at most [`ThreatName::MAX`] visible ASCII characters and spaces.
    ThreatName
}

impl ThreatName {
    /// The greatest length in characters.
    pub const MAX: usize = 120;

    /// Shortens a name to what can be logged and stored. A scanner is another program, and what it sends is not trusted.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let shown = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let name: String = name.trim().chars().take(Self::MAX).map(shown).collect();
        Self(if name.is_empty() { "unnamed".to_owned() } else { name })
    }
}

/// What a scanner says about a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has found nothing.
    Clean,
    /// It has found something harmful.
    Infected(ThreatName),
}

/// The file does not wait for a verdict: it was deleted, or judged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is not quarantined")]
pub struct NotQuarantined;

impl File {
    /// Completes the upload as [`File::complete`] does, but the file waits for the verdict of a scanner.
    ///
    /// # Errors
    /// [`NotUploading`]. Nothing has changed then.
    pub fn quarantine(
        &mut self,
        holder: Option<LeaseToken>,
        content: FileContent,
        now: Timestamp,
    ) -> Result<(), NotUploading> {
        self.end_upload(holder, content, FileState::Quarantined, now)
    }

    /// Ends the quarantine. A clean file is ready. An infected one keeps the facts about its content, which is to be
    /// deleted, and is deleted itself after a time.
    ///
    /// # Errors
    /// [`NotQuarantined`]. Nothing has changed then.
    pub fn judge(&mut self, verdict: &Verdict, now: Timestamp) -> Result<(), NotQuarantined> {
        if self.state != FileState::Quarantined {
            return Err(NotQuarantined);
        }
        match verdict {
            Verdict::Clean => self.enter(FileState::Ready, now),
            Verdict::Infected(_) => {
                self.enter(FileState::Infected, now);
                self.delete_at = Some(self.updated_at.plus_millis(INFECTED_KEPT_MILLIS));
            }
        }
        Ok(())
    }

    /// Ends the quarantine without a verdict. The file is ready.
    ///
    /// # Errors
    /// [`NotQuarantined`]. Nothing has changed then.
    pub fn release(&mut self, now: Timestamp) -> Result<(), NotQuarantined> {
        self.judge(&Verdict::Clean, now)
    }

    /// Whether the upload is complete and the file is not deleted: it is quarantined, ready or infected.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        match self.state {
            FileState::Quarantined | FileState::Ready | FileState::Infected => true,
            FileState::Uploading | FileState::Deleted => false,
        }
    }

    /// Whether the file is infected, and the time for which it is shown is over.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == FileState::Infected && self.delete_at.is_some_and(|delete_at| delete_at <= now)
    }

    /// The facts about the content of a complete file, whether a user may get it or not.
    #[must_use]
    pub fn described(&self) -> Option<FileContent> {
        let (media_type, checksum) = self.content.clone().filter(|_| self.is_complete())?;
        Some(FileContent { size: self.size, media_type, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Checksum, FileId, FileName, FilePurpose, FileQuota, FileUsage, FileVisibility, MediaType},
        *,
    };
    use crate::shared::UserId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn upload() -> File {
        let (id, owner) = (FileId::new(Uuid::nil()), UserId::new(Uuid::nil()));
        let name = FileName::parse("a.txt").unwrap();
        File::begin(id, owner, FilePurpose::Attachment, FileVisibility::Public, name, 9, at(10))
    }

    fn content() -> FileContent {
        FileContent { size: 4, media_type: MediaType::parse("text/plain").unwrap(), checksum: Checksum::new([1; 32]) }
    }

    fn eicar() -> Verdict {
        Verdict::Infected(ThreatName::of("Eicar-Test-Signature"))
    }

    #[test]
    fn a_quarantined_file_is_not_ready_until_it_is_judged_clean() {
        let mut file = upload();
        assert_eq!(file.judge(&Verdict::Clean, at(11)), Err(NotQuarantined));
        file.quarantine(None, content(), at(20)).unwrap();
        assert_eq!((file.ready(), file.described(), file.state), (None, Some(content()), FileState::Quarantined));
        assert_eq!(file.quarantine(None, content(), at(30)), Err(NotUploading));
        assert_eq!(file.complete(None, content(), at(30)), Err(NotUploading), "no second upload ends the quarantine");
        file.judge(&Verdict::Clean, at(40)).unwrap();
        assert_eq!((file.ready(), file.delete_at, file.updated_at), (Some(content()), None, at(40)));
        assert_eq!(file.judge(&eicar(), at(50)), Err(NotQuarantined), "a verdict stays");
    }

    #[test]
    fn an_infected_file_is_never_ready_and_is_deleted_after_a_time() {
        let mut file = upload();
        file.quarantine(None, content(), at(20)).unwrap();
        file.judge(&eicar(), at(40)).unwrap();
        assert_eq!((file.state, file.ready(), file.described()), (FileState::Infected, None, Some(content())));
        assert_eq!(file.judge(&Verdict::Clean, at(50)), Err(NotQuarantined));
        let end = 40 + INFECTED_KEPT_MILLIS;
        assert!(!file.is_overdue(at(end - 1)) && file.is_overdue(at(end)));
        assert!(file.remove(at(60)));
        assert!(!file.is_overdue(at(end)), "it is deleted already");
        assert_eq!((file.described(), file.judge(&Verdict::Clean, at(70))), (None, Err(NotQuarantined)));
    }

    #[test]
    fn the_name_of_a_threat_is_short_and_shows_only_plain_characters() {
        for (sent, kept) in [
            ("Win.Test.EICAR_HDB-1", "Win.Test.EICAR_HDB-1"),
            (" a b ", "a b"),
            ("a\r\nb\0é\u{202E}", "a??b???"),
            ("", "unnamed"),
            ("  ", "unnamed"),
        ] {
            assert_eq!(ThreatName::of(sent).as_str(), kept, "{sent:?}");
        }
        assert_eq!(ThreatName::of(&"é".repeat(5_000)).as_str().len(), ThreatName::MAX);
    }

    proptest! {
        /// Whatever happens in whatever order: a content is given to users only after a clean verdict, a release, or an upload without a
        /// scanner, no verdict is changed, a file that is refused leaves no trace, and the usage counts the file until its
        /// row is gone.
        #[test]
        fn no_file_leaves_the_quarantine_without_a_verdict(steps in prop::collection::vec((0_u8..7, 0_i64..100), 0..20)) {
            let quota = FileQuota { files: 1, bytes: 9, uploads: 1 };
            let (mut file, mut usage) = (upload(), FileUsage::none(UserId::new(Uuid::nil())));
            usage.begin(&file, &quota).unwrap();
            let mut was_scanned = false;
            for (step, millis) in steps {
                let (before, now) = (file.clone(), at(millis));
                let changed = match step {
                    0 => file.complete(None, content(), now).is_ok(),
                    1 => file.quarantine(None, content(), now).is_ok(),
                    2 => file.judge(&Verdict::Clean, now).is_ok(),
                    3 => file.judge(&eicar(), now).is_ok(),
                    4 => file.remove(now),
                    5 => file.release(now).is_ok(),
                    _ => file.append(0, None, LeaseToken::new(Uuid::nil()), now).is_ok(),
                };
                was_scanned |= matches!(step, 2 | 5) && changed;
                let allowed = match (before.state, file.state) {
                    (one, other) if one == other => true,
                    (FileState::Uploading, FileState::Ready) => step == 0,
                    (FileState::Uploading, FileState::Quarantined) => step == 1,
                    (FileState::Quarantined, FileState::Ready) => matches!(step, 2 | 5),
                    (FileState::Quarantined, FileState::Infected) => step == 3,
                    (_, FileState::Deleted) => step == 4,
                    _ => false,
                };
                prop_assert!(allowed, "{:?} to {:?} by {}", before.state, file.state, step);
                if !changed {
                    prop_assert_eq!(&file, &before);
                }
                prop_assert!(file.updated_at >= before.updated_at);
                prop_assert_eq!(file.ready().is_some(), file.state == FileState::Ready);
                prop_assert_eq!(file.described().is_some(), file.is_complete());
                prop_assert!(file.ready().is_none() || step == 0 || was_scanned || before.state == FileState::Ready);
                if before.state == FileState::Uploading && file.state != FileState::Uploading {
                    usage.end(before.size, &file);
                }
                prop_assert_eq!((usage.files, usage.bytes), (1, file.size));
            }
        }
    }
}
