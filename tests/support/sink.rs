//! A real HTTP server that keeps what is posted to it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;

/// One request.
#[derive(Debug, Clone)]
pub struct Posted {
    /// With its path.
    pub path: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

/// The server.
#[derive(Debug, Clone)]
pub struct Sink {
    /// `http://127.0.0.1:PORT`
    pub origin: String,
    status: Arc<AtomicU16>,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Sink {
    /// Starts one that answers 200.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let sink = Self { origin, status: Arc::new(AtomicU16::new(200)), posted: Arc::default() };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = serving.clone();
                let answer = service_fn(move |request| {
                    let sink = sink.clone();
                    async move { Ok::<_, Infallible>(sink.answer(request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
        sink
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let posted = Posted {
            path: head.uri.path().to_owned(),
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        };
        let status = self.status.load(Ordering::SeqCst);
        self.posted.lock().unwrap().push(posted);
        let mut response = Response::new(Full::from(format!("answer {status}")));
        *response.status_mut() = status.try_into().unwrap();
        response
    }

    /// What it answers from now on.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What was posted so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }
}
