//! Waking the tasks of the other instances of a deployment.

use super::{Announcement, StoreError};
use async_trait::async_trait;

/// Takes what units of work announce to the other instances of a deployment. A wake-up saves time only: it may get lost,
/// and tasks that wait also look by themselves from time to time.
///
/// 1. What an instance sends is received by each other instance that listens, alone or together with more. The instance
///    itself does not receive it.
/// 2. If the connection of a listener breaks, it ends with an error. The next one receives what is sent from then on.
#[async_trait]
pub trait WakeUps: Send + Sync {
    /// Sends an announcement of this instance, outside of any unit of work.
    ///
    /// # Errors
    /// The store's error. The announcement may be lost.
    async fn send(&self, announcement: Announcement) -> Result<(), StoreError>;

    /// Listens to the other instances, on a connection that is not used for anything else.
    ///
    /// # Errors
    /// The store's error, for example if this connection is not allowed.
    async fn listen(&self) -> Result<Box<dyn WakeUpListener>, StoreError>;
}

/// A connection on which the announcements of other instances arrive.
#[async_trait]
pub trait WakeUpListener: Send {
    /// Waits for the next announcement. The call may be cancelled.
    ///
    /// # Errors
    /// The store's error. The listener is then used up.
    async fn next(&mut self) -> Result<Announcement, StoreError>;
}

impl Announcement {
    /// The message that has this announcement, and the number of the instance that sends it.
    #[must_use]
    pub fn message(self, sender: u64) -> String {
        let words = self.words().into_iter().filter_map(|(word, is_announced)| is_announced.then_some(word));
        words.fold(format!("{sender:016x}"), |message, word| message + " " + word)
    }

    /// Reads a message. `None` if the instance with the number `receiver` has sent it. Words of later programs are passed
    /// over.
    #[must_use]
    pub fn of_message(message: &str, receiver: u64) -> Option<Self> {
        let mut words = message.split(' ');
        if words.next() == Some(format!("{receiver:016x}").as_str()) {
            return None;
        }
        let mut announcement = Self::default();
        for word in words {
            match word {
                JOBS => announcement.jobs = true,
                EVENTS => announcement.events = true,
                PLACED => announcement.placed = true,
                SCHEDULES => announcement.schedules = true,
                _ => {}
            }
        }
        Some(announcement)
    }

    const fn words(self) -> [(&'static str, bool); 4] {
        [(JOBS, self.jobs), (EVENTS, self.events), (PLACED, self.placed), (SCHEDULES, self.schedules)]
    }
}

const JOBS: &str = "jobs";
const EVENTS: &str = "events";
const PLACED: &str = "placed";
const SCHEDULES: &str = "schedules";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_by_every_instance_but_its_sender() {
        for number in 0..16_u8 {
            let bit = |place: u8| number & (1 << place) != 0;
            let sent = Announcement { jobs: bit(0), events: bit(1), placed: bit(2), schedules: bit(3) };
            let message = sent.message(7);
            assert_eq!(Announcement::of_message(&message, 8), Some(sent), "{message}");
            assert_eq!(Announcement::of_message(&message, 7), None, "{message}");
        }
        let jobs = Announcement { jobs: true, ..Announcement::default() };
        assert_eq!(jobs.message(7), "0000000000000007 jobs");
        assert_eq!(Announcement::of_message("0000000000000007 later jobs", 8), Some(jobs));
    }
}
