//! The endpoints of files.

use super::{
    content::{self, ContentAnswer, Found},
    dto::{FILES, FileBody},
    links::{
        self, ContentSide, ContentSize, FileLinkBody, LinkDisposition, LinkExpires, LinkSignature, LinkSigner,
        SignFileLinkRequest, SignUploadLinkRequest, UploadLink, UploadLinkBody,
    },
    parameters::ReprDigest,
    upload::Content,
};
use crate::{
    body::Strict,
    parts::{
        Answer, Anyone, Created, Done, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, State, path_of,
    },
    problem::Problem,
};
use poem::Request;
use poem_openapi::{ApiResponse, OpenApi, Tags, param::Path};
use skep_application::files::{DeleteFileCommand, FileView, UploadFileCommand};
use skep_domain::files::{FileId, FileName, FilePurpose, FileVisibility};

#[derive(Tags)]
enum Tag {
    /// Storing, reading and deleting files.
    Files,
}

/// 200 with a new link.
#[derive(ApiResponse)]
enum LinkSigned {
    /// The link. Nothing was stored.
    #[oai(status = 200)]
    Ok(
        Answer<FileLinkBody>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// 200 with a new link that stores a file.
#[derive(ApiResponse)]
enum UploadLinkSigned {
    /// The link. Nothing was stored.
    #[oai(status = 200)]
    Ok(
        Answer<UploadLinkBody>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

#[derive(Default)]
pub(super) struct FilesApi;

/// The answer with a new file.
fn created(state: &State, file: FileView) -> Created<FileBody> {
    Created::at(path_of(FILES, file.id, ""), file.version, FileBody::of(file, &state.contents))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Files")]
impl FilesApi {
    /// Upload a file
    ///
    /// Stores the body as a file of the caller. Needs an account. The body is the content itself, or a form
    /// (`multipart/form-data`) whose last part is the content; its fields then take the place of the parameters. The media
    /// type is judged by the content, and the one that the request names does not count. The answer comes when the file is
    /// stored durably. If the deployment has a scanner, the `state` is `quarantined` until it has judged the content. A user can keep a limited number of files and bytes; above that, the answer is
    /// 409 `file_quota_exceeded`. Every call stores another file, unless it repeats an `Idempotency-Key` with the same
    /// content.
    #[expect(clippy::too_many_arguments, reason = "the parameters of the operation")]
    #[oai(path = "/files", method = "post", operation_id = "upload_file")]
    async fn upload(
        &self,
        caller: SignedIn,
        Sent(name): Sent<FileName>,
        Sent(purpose): Sent<FilePurpose>,
        Sent(visibility): Sent<FileVisibility>,
        Sent(digest): Sent<ReprDigest>,
        Sent(key): RepeatKey,
        content: Content<'_>,
    ) -> Result<Created<FileBody>, Problem> {
        let command = UploadFileCommand { name, purpose, visibility, size: content.length(), checksum: digest.0 };
        let upload_file = &caller.app().files.upload_file;
        let file = content.store(upload_file, &caller.actor, key.as_ref(), command).await?;
        Ok(created(&caller.state, file))
    }

    /// List files
    ///
    /// Lists the caller's files that are ready; an admin gets the files of all users. Needs an account.
    #[oai(path = "/files", method = "get", operation_id = "list_files")]
    async fn list(&self, caller: SignedIn, Sent(list): List<()>) -> Result<Listed<FileBody>, Problem> {
        let list = list.open(&caller, FILES)?;
        let page = caller.app().files.list_files.execute(&caller.actor, list.direction, &list.page).await?;
        Ok(list.answer(page.map(|file| FileBody::of(file, &caller.state.contents))))
    }

    /// Get a file
    ///
    /// Returns the facts about a file. Anyone may call it for a public file. Callers with an account also get their own
    /// files, and admins get every file. For any other file, the answer is 404, as if it did not exist. So is a public file
    /// that the scanner has not found clean, except for its owner and admins.
    #[oai(path = "/files/:id", method = "get", operation_id = "get_file")]
    async fn get(&self, caller: Anyone, Path(id): Path<Id<FileId>>) -> Result<Shown<FileBody>, Problem> {
        let file = caller.app().files.get_file.execute(&caller.actor, id.0).await?;
        Ok(Shown::of(file.version, FileBody::of(file, &caller.state.contents)))
    }

    /// Get the content of a file
    ///
    /// Returns the bytes of a file. Anyone may call it for a public file, and other callers as for its facts. A `Range` of
    /// bytes returns a part of it, with `If-Range` only if the content is the same. A browser shows pictures and plain text;
    /// any other content is downloaded. The content never changes, so caches keep that of a public file. A link from
    /// `POST /api/v1/files/{id}/links` gives it to every caller until it expires, the file is deleted, or the account that
    /// made the link may no longer read the file. A wrong link is refused whether the file exists or not.
    ///
    /// The content of a file that waits for the scanner is answered 409 `file_quarantined`, and that of an infected one 410
    /// `file_infected`, to the callers that see the file.
    ///
    /// With `size`, a picture is returned in one of the sizes of the deployment: turned upright, without metadata, and never
    /// enlarged. It is WebP, JPEG or PNG, whichever fits, and of an animation the first frame. The first request makes it,
    /// and later ones get what it has kept. `size` can be added to a link.
    ///
    /// A public file that is ready has its `url` in its facts, and a picture of a product also has its `sizes`. These URLs
    /// begin with the address that the deployment gives to contents, which can be that of a CDN.
    #[expect(clippy::too_many_arguments, reason = "the parameters of the operation")]
    #[oai(path = "/files/:id/content", method = "get", operation_id = "get_file_content")]
    async fn content(
        &self,
        caller: Anyone,
        Path(id): Path<Id<FileId>>,
        Sent(size): Sent<ContentSize>,
        Sent(side): Sent<ContentSide>,
        Sent(signer): Sent<LinkSigner>,
        Sent(expires): Sent<LinkExpires>,
        Sent(disposition): Sent<LinkDisposition>,
        Sent(signature): Sent<LinkSignature>,
        request: &Request,
    ) -> Result<ContentAnswer, Problem> {
        let is_fixed = links::is_fixed(&caller.app().policies.images.sizes, &size, side)?;
        let files = &caller.app().files;
        let read_file = &files.read_file;
        let (file, linked) = match links::link(signer, expires, disposition, signature) {
            None => (read_file.find(&caller.actor, id.0).await?, None),
            Some(link) => {
                let (file, linked) = read_file.find_linked(&caller.actor, id.0, &link).await?;
                (file, Some(linked))
            }
        };
        let shown = content::choose(files, file, size.0.as_deref()).await?;
        content::answer(&caller.state, Found { shown, linked, is_fixed }, request.headers()).await
    }

    /// Make a link to the content of a file
    ///
    /// Makes a link that gives the content to every caller, without a token, until it expires. Needs an account. Callers
    /// make links to their own files, and accounts with a role that may read private files make links to every file. For
    /// any other file, the answer is 404: a public one needs no link, and an export has none. The link to a private file
    /// holds only as long as its maker may read the file. Every link ends when the file is deleted, and when the secret of
    /// the instances is replaced. A file that waits for the scanner, or is infected, gets no link.
    #[oai(path = "/files/:id/links", method = "post", operation_id = "sign_file_link")]
    async fn sign_link(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<FileId>>,
        Strict(request): Strict<SignFileLinkRequest>,
    ) -> Result<LinkSigned, Problem> {
        let signed = caller.app().files.sign_file_link.execute(&caller.actor, request.of(id.0)?).await?;
        let body = FileLinkBody::of(caller.state.public_url.as_deref(), id.0, &signed);
        Ok(LinkSigned::Ok(Answer(body), "no-store".to_owned()))
    }

    /// Make a link that stores a file
    ///
    /// Makes a link with which every caller stores one file of the caller, without a token, until it expires. Needs an
    /// account. The link fixes the id, the name, the purpose and the audience of the file, its greatest size, and its media
    /// type if the request names one. Nothing is reserved: the quota is judged when the content is sent. The link holds as
    /// long as the account may store files, and until the secret of the instances is replaced.
    #[oai(path = "/files/upload-links", method = "post", operation_id = "sign_upload_link")]
    async fn sign_upload_link(
        &self,
        caller: SignedIn,
        Strict(request): Strict<SignUploadLinkRequest>,
    ) -> Result<UploadLinkSigned, Problem> {
        let signed = caller.app().files.sign_upload_link.execute(&caller.actor, request.read()?)?;
        let body = UploadLinkBody::of(caller.state.public_url.as_deref(), &signed);
        Ok(UploadLinkSigned::Ok(Answer(body), "no-store".to_owned()))
    }

    /// Store a file by a link
    ///
    /// Stores the body as the file of a link from `POST /api/v1/files/upload-links`. Anyone may call it. The file belongs to
    /// the account that made the link, and counts in its quota. A link stores one file: after that, and while another
    /// client is sending the content, the answer is 409 `upload_link_used`. If the content does not arrive or is refused,
    /// the link can be used again. A wrong link is refused whether the file exists or not.
    #[oai(path = "/files/linked", method = "post", operation_id = "upload_linked_file")]
    async fn upload_linked_file(
        &self,
        caller: Anyone,
        Sent(link): Sent<UploadLink>,
        Sent(digest): Sent<ReprDigest>,
        content: Content<'_>,
    ) -> Result<Created<FileBody>, Problem> {
        let (link, size) = (link.0.unwrap_or_default(), content.length());
        let begin = caller.app().files.upload_linked_file.begin(&caller.actor, &link, size, digest.0);
        let file = content.store_by_link(&caller.actor, begin).await?;
        Ok(created(&caller.state, file))
    }

    /// Delete a file
    ///
    /// Deletes the file and its content. Needs an account. Callers delete their own files, and admins delete every file.
    /// For a file of another user, the answer is 404. A cache can show a public file for a while after that.
    #[oai(path = "/files/:id", method = "delete", operation_id = "delete_file")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<FileId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteFileCommand { file_id: id.0, precondition };
        caller.app().files.delete_file.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
