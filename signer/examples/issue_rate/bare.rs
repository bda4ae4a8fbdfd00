//! A server that does nothing but sign.

use std::{cell::RefCell, convert::Infallible, fs, path::Path};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use openssl::sha::sha256;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{Outcome, raw::signature};

/// Signs each request's body in the reactor's own threads, and answers so many bytes, for ever.
pub fn serve(key: &Path, length: usize) -> Outcome<()> {
    let pem: &'static [u8] = fs::read(key)?.leak();
    let answer = Bytes::from(vec![0x30; length]);
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = answer.clone();
            let service = service_fn(move |request| answered(request, pem, answer.clone()));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answered(
    request: Request<Incoming>,
    pem: &'static [u8],
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    sign(pem, &sha256(&body));
    Ok(Response::new(Full::new(answer)))
}

type Sign = Box<dyn FnMut(&[u8; 32])>;

/// With the thread's own context.
fn sign(pem: &'static [u8], digest: &[u8; 32]) {
    thread_local! {
        static SIGN: RefCell<Option<Sign>> = const { RefCell::new(None) };
    }
    SIGN.with_borrow_mut(|kept| kept.get_or_insert_with(|| Box::new(signature(pem)))(digest));
}
