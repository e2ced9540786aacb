//! The checksum of a piece of an upload (`Upload-Checksum` of tus).

use super::tus::{BASE64, header, schema};
use crate::{
    parts::{Parameter, invalid},
    problem::Problem,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};

const UPLOAD_CHECKSUM: &str = "Upload-Checksum";

/// The checksum that a piece must have, if the request names one.
pub(super) struct PieceChecksum(pub(super) Option<(Algorithm, Vec<u8>)>);

/// A checksum that is computed while the piece arrives.
pub(super) enum Algorithm {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1(sha1::Digest::new())),
            "sha256" => Some(Self::Sha256(sha2::Digest::new())),
            _ => None,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => sha1::Digest::update(hash, bytes),
            Self::Sha256(hash) => sha2::Digest::update(hash, bytes),
        }
    }

    pub(super) fn digest(self) -> Vec<u8> {
        match self {
            Self::Sha1(hash) => sha1::Digest::finalize(hash).to_vec(),
            Self::Sha256(hash) => sha2::Digest::finalize(hash).to_vec(),
        }
    }
}

impl Parameter for PieceChecksum {
    const PLACE: MetaParamIn = MetaParamIn::Header;

    fn schema() -> MetaSchema {
        let description = "`sha1` or `sha256`, a space, and the digest of the piece in Base64. If the piece has another one, \
                           nothing of it is kept, and the answer is 460.";
        let example = "sha256 pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=";
        MetaSchema {
            pattern: Some(format!("^sha(1|256) {BASE64}$")),
            ..schema(UPLOAD_CHECKSUM, description, example.into(), "string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        let Some(text) = header(request, UPLOAD_CHECKSUM)? else { return Ok(Self(None)) };
        let unreadable = || invalid(UPLOAD_CHECKSUM, "must be like sha256 BASE64, or sha1 BASE64");
        let (name, digest) = text.split_once(' ').ok_or_else(unreadable)?;
        let algorithm = Algorithm::of(name).ok_or_else(unreadable)?;
        let digest = STANDARD.decode(digest.trim()).map_err(|_| unreadable())?;
        Ok(Self(Some((algorithm, digest))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_one_that_the_server_computes() {
        let read = |text: &str| PieceChecksum::read(&Request::builder().header(UPLOAD_CHECKSUM, text).finish());
        // `printf honey | sha1sum`, and `sha256sum`
        for (header, is_sha1) in [
            ("sha1 nXU0LBA6BQz7CbBZYLuV1twTNbY=", true),
            ("sha256 pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=", false),
        ] {
            let (mut algorithm, digest) = read(header).ok().unwrap().0.unwrap();
            assert_eq!(matches!(algorithm, Algorithm::Sha1(_)), is_sha1);
            algorithm.update(b"hon");
            algorithm.update(b"ey");
            assert_eq!(algorithm.digest(), digest, "{header}");
        }
        assert!(PieceChecksum::read(&Request::default()).ok().unwrap().0.is_none());
        for wrong in ["", "sha256", "sha256 ???", "md5 AAAA", "SHA1 AAAA"] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }
}
