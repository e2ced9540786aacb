//! The faults of a conversation with a scanner.

use skep_application::kernel::StoreError;
use skep_outbound::{DialError, Fault};
use std::{io, time::Duration};

/// A fault of a conversation with a scanner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClamdFault {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// There is no socket, or it takes no connections.
    #[error("cannot connect to the socket")]
    Socket(#[source] io::Error),
    /// The conversation ended before a complete answer.
    #[error("the scanner broke off")]
    Left(#[source] io::Error),
    /// The scanner has the content, or a part of it, and says nothing for too long.
    #[error("the scan took longer than {} s", .0.as_secs_f32())]
    Late(Duration),
    /// The answer is not that of a scanner.
    #[error("the scanner sent no usable answer: {0}")]
    Unusable(&'static str),
    /// The scanner takes no content as long as this one.
    #[error("the content is longer than the scanner takes")]
    TooLarge,
    /// The scanner cannot judge the content, in its words.
    #[error("the scanner cannot judge the content: {0}")]
    Failed(String),
    /// The content cannot be read. That says nothing about the scanner.
    #[error(transparent)]
    Content(#[from] StoreError),
}

impl Fault for ClamdFault {
    fn is_outage(&self) -> bool {
        match self {
            // A setting is wrong, and waiting does not change it.
            Self::Dial(error) => !error.is_permanent(),
            Self::Socket(_) => true,
            // A scanner may break off, or take too long, because of one content, which other contents must not pay for.
            Self::Left(_) | Self::Late(_) | Self::Unusable(_) => false,
            Self::TooLarge | Self::Failed(_) | Self::Content(_) => false,
        }
    }

    /// Nothing of the content was read then.
    fn may_repeat(&self) -> bool {
        match self {
            Self::Dial(error) => !error.is_permanent(),
            Self::Socket(_) => true,
            _ => false,
        }
    }
}
