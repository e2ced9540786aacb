//! Sends mails: to an SMTP server, or into a folder.

mod folder;
mod message;
mod smtp;

pub use folder::{FolderBounds, FolderMailer};
pub use smtp::{InvalidServer, Security, SmtpMailer, SmtpServer};
