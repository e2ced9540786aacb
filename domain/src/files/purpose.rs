//! What files are for, and what follows from that.

use super::MediaType;
use crate::shared::named;

named! {
    /// What a file is for. It decides what the file may contain and how large it may be.
    FilePurpose {
        /// Anything that a user keeps or sends.
        Attachment = "attachment",
        /// A picture that pages show.
        Image = "image",
        /// The export of the data of an account. Only Skep makes such a file, and deletes it after a set time.
        Export = "export",
    }
}

impl FilePurpose {
    /// The purposes of files that clients send. The first one is the default.
    pub const SENT: &'static [Self] = &[Self::Attachment, Self::Image];

    /// Whether a client can send a file for this purpose. Only such a file counts in the usage of its owner.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        match self {
            Self::Attachment | Self::Image => true,
            Self::Export => false,
        }
    }

    /// Whether only the owner of a file may have its content, whatever the roles of others allow. No link gives it away.
    #[must_use]
    pub const fn is_for_its_owner_alone(self) -> bool {
        match self {
            Self::Attachment | Self::Image => false,
            // It has more than any role may see.
            Self::Export => true,
        }
    }

    /// The purpose with this name, if a client can send a file for it.
    #[must_use]
    pub fn sent(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|purpose| purpose.is_sent())
    }

    /// The greatest size in bytes, unless the deployment sets a lower one.
    #[must_use]
    pub const fn most_bytes(self) -> u64 {
        match self {
            Self::Attachment => 100 << 20,
            Self::Image => 10 << 20,
            Self::Export => 4 << 30,
        }
    }

    /// The media types that the content may have; `None` if it may have any.
    #[must_use]
    pub const fn media_types(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Attachment => None,
            Self::Image => Some(&["image/png", "image/jpeg", "image/gif", "image/webp"]),
            Self::Export => Some(&["application/json"]),
        }
    }

    /// Whether the content of a file for this purpose may have this media type.
    #[must_use]
    pub fn takes(self, media_type: &MediaType) -> bool {
        self.media_types().is_none_or(|types| types.contains(&media_type.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sends_every_file_except_an_export() {
        let sent: Vec<_> = FilePurpose::ALL.iter().copied().filter(|purpose| purpose.is_sent()).collect();
        assert_eq!((sent.as_slice(), FilePurpose::sent("export")), (FilePurpose::SENT, None));
        assert!(sent.iter().all(|purpose| FilePurpose::sent(purpose.name()) == Some(*purpose)));
    }

    #[test]
    fn an_image_has_a_media_type_that_is_shown_safely() {
        let of = |text: &str| MediaType::parse(text).unwrap();
        let types = FilePurpose::Image.media_types().unwrap();
        assert!(types.iter().all(|name| FilePurpose::Image.takes(&of(name)) && of(name).is_shown_safely()));
        for media_type in ["image/svg+xml", "text/html", "application/octet-stream"] {
            assert!(!FilePurpose::Image.takes(&of(media_type)), "{media_type}");
            assert!(FilePurpose::Attachment.takes(&of(media_type)), "{media_type}");
        }
    }
}
