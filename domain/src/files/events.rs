//! The events of files.

use super::{Checksum, File, FileContent, FileId, FilePurpose, FileVisibility, MediaType, ThreatName};
use crate::shared::{UserId, events};

events! {
    /// A file was uploaded. Its content is stored.
    FileUploaded = "files.file_uploaded.v1" of file_id {
        /// The new file.
        file_id: FileId,
        /// The user that stored it.
        owner_id: UserId,
        /// What it is for.
        purpose: FilePurpose,
        /// Its audience.
        visibility: FileVisibility,
        /// The media type of the content.
        media_type: MediaType,
        /// The size of the content in bytes.
        size: i64,
        /// The SHA-256 of the content, in lower-case hexadecimal digits.
        sha256: Checksum,
    }

    /// A file was uploaded, and waits until a scanner has judged it. Its content is stored, and no user gets it. If the
    /// scanner finds nothing, `files.file_uploaded.v1` follows, and otherwise `files.file_infected.v1`.
    FileQuarantined = "files.file_quarantined.v1" of file_id {
        /// The new file.
        file_id: FileId,
        /// The user that stored it.
        owner_id: UserId,
        /// What it is for.
        purpose: FilePurpose,
    }

    /// A scanner has found something harmful in a file that was quarantined. Its content is deleted after that.
    FileInfected = "files.file_infected.v1" of file_id {
        /// The file that was judged.
        file_id: FileId,
        /// The user that stored it.
        owner_id: UserId,
        /// What it was for.
        purpose: FilePurpose,
        /// The name that the scanner has for what it has found.
        threat: ThreatName,
        /// The SHA-256 of the content, in lower-case hexadecimal digits.
        sha256: Checksum,
    }

    /// An operator has ended the quarantine of a file that no scanner has judged. `files.file_uploaded.v1` follows.
    FileReleased = "files.file_released.v1" of file_id {
        /// The file that is ready.
        file_id: FileId,
        /// The user that stored it.
        owner_id: UserId,
        /// What it is for.
        purpose: FilePurpose,
    }

    /// A file was deleted. Its content is deleted after that.
    FileDeleted = "files.file_deleted.v1" of file_id {
        /// The file that was deleted.
        file_id: FileId,
        /// The user that stored it.
        owner_id: UserId,
        /// What it was for.
        purpose: FilePurpose,
    }
}

impl FileUploaded {
    /// The event of this file, whose upload is complete.
    #[must_use]
    pub fn of(file: &File, content: &FileContent) -> Self {
        Self {
            file_id: file.id,
            owner_id: file.owner_id,
            purpose: file.purpose,
            visibility: file.visibility,
            media_type: content.media_type.clone(),
            size: i64::try_from(content.size).unwrap_or(i64::MAX),
            sha256: content.checksum,
        }
    }
}

impl FileQuarantined {
    /// The event of this file, whose upload is complete.
    #[must_use]
    pub const fn of(file: &File) -> Self {
        Self { file_id: file.id, owner_id: file.owner_id, purpose: file.purpose }
    }
}

impl FileInfected {
    /// The event of this file, in whose content a scanner has found this.
    #[must_use]
    pub fn of(file: &File, content: &FileContent, threat: &ThreatName) -> Self {
        let (file_id, owner_id, purpose) = (file.id, file.owner_id, file.purpose);
        Self { file_id, owner_id, purpose, threat: threat.clone(), sha256: content.checksum }
    }
}

impl FileReleased {
    /// The event of this file, which is ready.
    #[must_use]
    pub const fn of(file: &File) -> Self {
        Self { file_id: file.id, owner_id: file.owner_id, purpose: file.purpose }
    }
}

impl FileDeleted {
    /// The event of this file after its deletion.
    #[must_use]
    pub const fn of(file: &File) -> Self {
        Self { file_id: file.id, owner_id: file.owner_id, purpose: file.purpose }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::FileName, *};
    use crate::shared::{Timestamp, assert_payload};
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn published_payloads_do_not_change() {
        let uuid = Uuid::from_u128(1);
        let (id, owner) = (FileId::new(uuid), UserId::new(Uuid::from_u128(2)));
        let name = FileName::parse("a.png").unwrap();
        let file = File::begin(id, owner, FilePurpose::Image, FileVisibility::Public, name, 9, Timestamp::MIN);
        let media_type = MediaType::parse("image/png").unwrap();
        let content = FileContent { size: 7, media_type, checksum: Checksum::new([0xAB; 32]) };
        let payload = json!({
            "file_id": uuid, "owner_id": owner, "purpose": "image", "visibility": "public", "media_type": "image/png",
            "size": 7, "sha256": "ab".repeat(32),
        });
        assert_payload(&FileUploaded::of(&file, &content), uuid, &payload);
        let payload = json!({ "file_id": uuid, "owner_id": owner, "purpose": "image" });
        assert_payload(&FileQuarantined::of(&file), uuid, &payload);
        assert_payload(&FileReleased::of(&file), uuid, &payload);
        assert_payload(&FileDeleted::of(&file), uuid, &payload);
        let payload = json!({
            "file_id": uuid, "owner_id": owner, "purpose": "image", "threat": "Eicar-Test-Signature",
            "sha256": "ab".repeat(32),
        });
        let threat = ThreatName::of("Eicar-Test-Signature");
        assert_payload(&FileInfected::of(&file, &content, &threat), uuid, &payload);
    }
}
