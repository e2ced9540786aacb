//! The smallest servers that serve an answer, with hyper alone and with poem-openapi.

use super::super::Fault;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use poem::EndpointExt as _;
use poem_openapi::{
    OpenApi, OpenApiService,
    param::Path,
    payload::{Binary, Response as ApiResponse},
};
use std::{convert::Infallible, fs, io::Write as _, net::SocketAddr, path};
use tokio::{net::TcpListener, runtime::Runtime};

/// An answer of the server, for repeated use.
#[derive(Clone)]
struct Canned {
    headers: HeaderMap,
    body: Bytes,
}

impl Canned {
    fn read(file: &path::Path) -> Result<Self, Fault> {
        let bytes = fs::read(file)?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(&bytes)? else {
            return Err("the answer is incomplete".into());
        };
        let mut kept = HeaderMap::new();
        for header in response.headers.iter() {
            kept.append(HeaderName::from_bytes(header.name.as_bytes())?, HeaderValue::from_bytes(header.value)?);
        }
        // Both servers add these headers.
        kept.remove(CONTENT_LENGTH);
        kept.remove(DATE);
        Ok(Self { headers: kept, body: Bytes::copy_from_slice(&bytes[head..]) })
    }
}

fn print(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}

pub(super) fn serve_hyper(answer: &path::Path) -> Result<(), Fault> {
    let canned = Canned::read(answer)?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        print(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let canned = canned.clone();
            let service = service_fn(move |_: Request<Incoming>| {
                let mut response = Response::new(Full::new(canned.body.clone()));
                *response.headers_mut() = canned.headers.clone();
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that hangs up is not a fault.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

struct Api(Canned);

#[OpenApi]
impl Api {
    /// The same answer for every product.
    #[oai(path = "/api/v1/products/:id", method = "get")]
    async fn get(&self, id: Path<String>) -> ApiResponse<Binary<Bytes>> {
        let status = if id.0.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let mut response = ApiResponse::new(Binary(self.0.body.clone())).status(status);
        for (name, value) in &self.0.headers {
            response = response.header(name, value);
        }
        response
    }
}

pub(super) fn serve_poem(answer: &path::Path) -> Result<(), Fault> {
    let mut canned = Canned::read(answer)?;
    // The payload adds this header.
    canned.headers.remove(CONTENT_TYPE);
    Runtime::new()?.block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let acceptor = poem::listener::TcpAcceptor::from_std(listener)?;
        let service = OpenApiService::new(Api(canned), "limit", "1").boxed();
        print(address)?;
        poem::Server::new_with_acceptor(acceptor).run(service).await?;
        Ok(())
    })
}
