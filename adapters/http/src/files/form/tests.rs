use super::*;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;

const FILE_PART: &str =
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: image/png\r\n\r\nhoney";

fn command() -> UploadFileCommand {
    UploadFileCommand {
        name: FileName::parse("of the request").unwrap(),
        purpose: FilePurpose::Attachment,
        visibility: FileVisibility::Private,
        size: Some(1),
        checksum: None,
    }
}

fn field(name: &str, value: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}")
}

fn form_of(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!("{parts}--b--\r\n")
}

fn arriving(pieces: Vec<io::Result<Bytes>>) -> Form {
    let frames = stream::iter(pieces).map(|piece| piece.map(Frame::data));
    Form::new(BoxBody::new(StreamBody::new(frames)), "b".to_owned())
}

fn in_pieces(body: &str, size: usize) -> Vec<io::Result<Bytes>> {
    body.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

/// Reads a form to its end, as an upload does.
async fn read(pieces: Vec<io::Result<Bytes>>) -> Result<(UploadFileCommand, Vec<u8>), Problem> {
    let mut form = arriving(pieces);
    let (command, file) = form.open(command()).await?;
    let content: Vec<Bytes> = content(file).try_collect().await?;
    form.end().await?;
    Ok((command, content.concat()))
}

async fn refused(body: &str) -> (&'static str, String) {
    let problem = read(in_pieces(body, 64)).await.expect_err(body);
    assert_eq!(problem.status().as_u16(), 400, "{body}");
    (problem.code(), format!("{problem:?}"))
}

#[tokio::test]
async fn the_fields_before_the_file_describe_it() {
    let digest = "Repr-Digest: sha-256=:pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=:\r\n";
    let file = format!("{digest}{FILE_PART}");
    let body = form_of(&[&field("visibility", "public"), &field("name", "b.txt"), &field("purpose", "image"), &file]);
    for size in [1, 2, 7, 64, 10_000] {
        let (command, content) = read(in_pieces(&body, size)).await.unwrap();
        assert_eq!((command.name.as_str(), command.purpose), ("b.txt", FilePurpose::Image));
        assert_eq!((command.visibility, command.size), (FileVisibility::Public, None));
        assert_eq!(command.checksum.map(|sum| sum.to_string()[..8].to_owned()), Some("a55e2e38".to_owned()));
        assert_eq!(content, b"honey", "in pieces of {size}");
    }
    let (command, _) = read(in_pieces(&form_of(&[FILE_PART]), 64)).await.unwrap();
    assert_eq!((command.name.as_str(), command.visibility), ("a.txt", FileVisibility::Private));
    let (command, content) = read(in_pieces(&form_of(&[&field("file", "")]), 64)).await.unwrap();
    assert_eq!((command.name.as_str(), content.len()), (UNNAMED, 0));
}

#[tokio::test]
async fn a_content_may_have_line_ends_and_beginnings_of_boundaries() {
    let content = "\r\n--\r\n--a\r\n-\r\r\n--";
    let body = form_of(&[&field("file", content)]);
    for size in [1, 3, 5, 1_000] {
        assert_eq!(read(in_pieces(&body, size)).await.unwrap().1, content.as_bytes(), "in pieces of {size}");
    }
}

#[tokio::test]
async fn what_is_not_a_form_with_one_file_at_its_end_is_refused() {
    let long = "x".repeat(HEAD_MAX);
    let file = FILE_PART;
    for (body, reason) in [
        (form_of(&[]), "has no part with the name"),
        (form_of(&[&field("name", "a")]), "has no part with the name"),
        (form_of(&[file, &field("name", "a")]), "must be the last part"),
        (form_of(&[file, file]), "must be the last part"),
        (form_of(&["Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n"]), "has no file"),
        (form_of(&["Content-Disposition: form-data\r\n\r\nhoney"]), "must have one Content-Disposition"),
        (form_of(&["Content-Type: text/plain\r\n\r\nhoney"]), "must have one Content-Disposition"),
        (
            form_of(&["Content-Disposition: attachment; name=\"file\"\r\n\r\nhoney"]),
            "must have one Content-Disposition",
        ),
        (
            form_of(&[
                "Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhoney",
            ]),
            "must not be encoded",
        ),
        (form_of(&[&format!("X: {long}\r\n{file}")]), "is too long"),
        (format!("{long}{long}{}", form_of(&[file])), "is too long"),
        (form_of(&[&format!("{}{file}", "X: 1\r\n".repeat(40))]), "not a form"),
        (form_of(&[&format!("no header\r\n{file}")]), "not a form"),
        (form_of(&[file]).replace("--b--", "--c--"), "ends within a part"),
        (form_of(&[file]).replace("--b--", "--bb"), "not a form"),
        ("honey".to_owned(), "not a form"),
        (String::new(), "not a form"),
    ] {
        let (code, detail) = refused(&body).await;
        assert!(code == "malformed_body" && detail.contains(reason), "{body:.80}: {code}, {detail}");
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_used_is_named() {
    for (parts, reason) in [
        (vec![field("color", "red")], "is not a field of this form"),
        (vec![field("name", "a"), field("name", "b")], "must not be repeated"),
        (vec![field("name", &"a".repeat(FIELD_MAX + 1))], "is too long"),
        (vec![field("name", "")], "name"),
        (vec![field("name", "a/b")], "name"),
        (vec![field("purpose", "theft")], "purpose"),
        (vec![field("purpose", "export")], "purpose"),
        (vec![field("visibility", "PUBLIC")], "visibility"),
    ] {
        let parts: Vec<&str> = parts.iter().map(String::as_str).chain([FILE_PART]).collect();
        let (code, detail) = refused(&form_of(&parts)).await;
        assert!(code == "invalid_parameter" && detail.contains(reason), "{parts:?}: {code}, {detail}");
    }
    let digest = format!("Repr-Digest: sha-256=:AA==:\r\n{FILE_PART}");
    assert_eq!(refused(&form_of(&[&digest])).await.0, "invalid_parameter");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_incomplete() {
    let body = form_of(&[&field("name", "a"), FILE_PART]);
    for length in [0, 10, 60, body.len() - 12] {
        let broken = Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        let pieces = in_pieces(&body[..length], 20).into_iter().chain([broken]).collect();
        assert_eq!(read(pieces).await.unwrap_err().code(), "body_incomplete", "after {length} bytes");
    }
}

/// A body whose pieces are all there at once is not buffered as a whole.
#[tokio::test]
async fn a_content_is_given_piece_by_piece() {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let endless = stream::iter([Bytes::from(head)]).chain(stream::repeat(Bytes::from(vec![b'x'; 1_000])));
    let counted = endless.map(move |piece| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(Frame::data(piece))
    });
    let mut form = Form::new(BoxBody::new(StreamBody::new(counted)), "b".to_owned());
    let (_, file) = form.open(command()).await.unwrap();
    let mut content = std::pin::pin!(content(file));
    for read in 1..100 {
        let piece = content.try_next().await.unwrap().unwrap();
        assert!(piece.len() <= 1_000 && taken.load(Ordering::Relaxed) <= read + 2);
    }
}

#[test]
fn the_parameters_of_a_form_are_in_the_form() {
    let ask = |uri: &str, content_type: &str, command: UploadFileCommand| {
        let request = Request::builder().uri(uri.parse().unwrap()).header(CONTENT_TYPE, content_type).finish();
        boundary(&request, &command).map_err(|problem| problem.code())
    };
    let form = "multipart/form-data; boundary=b";
    assert_eq!(ask("/", form, command()), Ok(Some("b".to_owned())));
    assert_eq!(ask("/", "Multipart/Form-Data; boundary=\"b c\"", command()), Ok(Some("b c".to_owned())));
    for other in ["text/plain", "application/octet-stream; boundary=b", "multipart/mixed; boundary=b"] {
        assert_eq!(ask("/?name=a", other, command()), Ok(None), "{other}");
    }
    for wrong in [FORM.to_owned(), format!("{FORM}; boundary=\"\""), format!("{FORM}; boundary={}", "b".repeat(71))] {
        assert_eq!(ask("/", &wrong, command()), Err("malformed_body"), "{wrong}");
    }
    let digest = Some(skep_domain::files::Checksum::new([7; 32]));
    assert_eq!(ask("/?name=a", form, command()), Err("invalid_parameter"));
    assert_eq!(ask("/", form, UploadFileCommand { checksum: digest, ..command() }), Err("invalid_parameter"));
}

#[tokio::test(start_paused = true)]
async fn fields_that_do_not_arrive_are_given_up_and_a_slow_file_is_not() {
    let whole = form_of(&[&field("name", "b.txt"), FILE_PART]);
    let slowly = |pieces: Vec<io::Result<Bytes>>, pause: Duration| {
        let frames = stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece.map(Frame::data)
        });
        Form::new(BoxBody::new(StreamBody::new(frames)), "b".to_owned())
    };
    let mut trickling = slowly(in_pieces(&whole, 1), Duration::from_secs(1));
    let problem = trickling.open(command()).await.err().unwrap();
    assert_eq!((problem.status().as_u16(), problem.code()), (408, "body_timeout"));
    let (fields, file) = whole.split_at(whole.find("honey").unwrap());
    let mut pieces = in_pieces(fields, fields.len());
    pieces.extend(in_pieces(file, 1));
    let mut form = slowly(pieces, Duration::from_secs(20));
    let (_, part) = form.open(command()).await.unwrap();
    let arrived: Vec<Bytes> = content(part).try_collect().await.unwrap();
    assert_eq!(arrived.concat(), b"honey");
    form.end().await.unwrap();
}
