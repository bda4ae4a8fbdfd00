//! A client that went away is not signed for.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::SystemTime,
};

use axum::{Router, routing::post};
use profile_kit::{Certificate, Content, Profile, SignOptions, Signable};
use signer::{
    metrics::Metrics,
    server::Limits,
    signing::{Job, Signing},
};
use tokio::{io::AsyncWriteExt, task::yield_now, time::timeout};

use crate::{
    load::{identity, profile},
    running::{PATIENCE, Running, answer, status},
};

#[tokio::test]
async fn a_job_whose_client_went_away_is_taken_out_of_the_queue() {
    let metrics = Arc::new(Metrics::new());
    let signing = Signing::start(1, 8, metrics.clone()).unwrap();
    let (open, opened) = mpsc::channel();
    let looked = Arc::new(AtomicUsize::new(0));
    let watched = Watched { profile: profile(), looked: looked.clone(), gate: Arc::new(Mutex::new(opened)) };
    let running = Running::with(Limits::default(), routes(signing.clone(), watched)).await;
    let mut busy = running.connect().await;
    busy.write_all(POST_SIGN).await.unwrap();
    until(|| looked.load(Relaxed) == 1).await;
    let mut gone = running.connect().await;
    gone.write_all(POST_SIGN).await.unwrap();
    until(|| signing.waiting() == 1).await;
    drop(gone);
    until(|| signing.waiting() == 0).await;
    open.send(()).unwrap();
    assert_eq!(status(&answer(&mut busy).await), 200);
    assert_eq!((looked.load(Relaxed), metrics.abandoned.get()), (1, 1));
}

fn routes(signing: Signing, watched: Watched) -> Router {
    let identity = identity();
    let handler = async move || {
        let (options, what) = (SignOptions::new(SystemTime::now()), Box::new(watched.clone()));
        let job = Job { identity: identity.clone(), options, what };
        signing.sign("core".into(), job).await.unwrap().bytes.len().to_string()
    };
    Router::new().route("/sign", post(handler))
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it does not come to that");
}

/// Tells when it is being signed, and waits.
#[derive(Clone)]
struct Watched {
    profile: Profile,
    looked: Arc<AtomicUsize>,
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Signable for Watched {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        self.looked.fetch_add(1, Relaxed);
        self.gate.lock().unwrap().recv().unwrap();
        self.profile.to_xml().map(Content::from)
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }
}

const POST_SIGN: &[u8] = b"POST /sign HTTP/1.1\r\nhost: it\r\ncontent-length: 0\r\n\r\n";
