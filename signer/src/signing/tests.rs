#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    future::Future,
    pin::pin,
    sync::mpsc,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use profile_kit::{
    Certificate, Content, Overwrite, Profile, SignedProfile, UuidSource,
    payload::Restrictions,
    pki::{Authority, KeySpec, Leaf, Validity},
};

use super::*;

#[tokio::test]
async fn what_it_answers_verifies_and_has_the_identitys_leaf() {
    let identity = identity();
    let signing = start(1, 8);
    let signed = signing.sign("core".into(), job(&identity, profile())).await.unwrap();
    let verified = SignedProfile::from_bytes(signed.bytes).unwrap().verify_integrity().unwrap();
    assert_eq!(verified.leaf(), identity.certificate());
    assert_eq!(verified.profile().identifier(), "jp.example.mdm");
}

#[tokio::test]
async fn an_overwrite_is_signed_by_the_installed_leaf_past_a_renewal() {
    let (old, renewed) = renewed();
    let installed = old.sign(&profile()).unwrap().verify_integrity().unwrap();
    let overwrite = Overwrite::of(&installed).build().unwrap();
    let signing = start(1, 8);
    let signed = signing.sign("core".into(), job(&renewed, overwrite)).await.unwrap();
    let verified = SignedProfile::from_bytes(signed.bytes).unwrap().verify_integrity().unwrap();
    assert_eq!(verified.leaf(), old.certificate());
}

#[tokio::test]
async fn the_kits_refusal_is_passed_on() {
    let identity = identity();
    let mut job = job(&identity, profile());
    job.options.signing_time += Duration::from_secs(400 * 86_400);
    assert!(matches!(start(1, 8).sign("core".into(), job).await, Err(Refused::Kit(_))));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let (signing, gate) = held(2);
    let identity = identity();
    let mut first = pin!(signing.sign("core".into(), job(&identity, profile())));
    assert!(started(first.as_mut()));
    let mut second = pin!(signing.sign("core".into(), job(&identity, profile())));
    let Poll::Ready(Err(Refused::Overloaded { .. })) = polled(second.as_mut()) else { panic!("it was queued") };
    gate.open();
    first.await.unwrap();
}

#[tokio::test]
async fn a_caller_does_not_take_the_place_of_another() {
    let (signing, gate) = held(8);
    let identity = identity();
    let mut greedy: Vec<_> =
        (0..8).map(|_| Box::pin(signing.sign("greedy".into(), job(&identity, profile())))).collect();
    assert_eq!(greedy.iter_mut().filter_map(|it| started(it.as_mut()).then_some(())).count(), 4);
    let mut modest = Box::pin(signing.sign("modest".into(), job(&identity, profile())));
    assert!(started(modest.as_mut()));
    gate.open();
    modest.await.unwrap();
}

#[tokio::test]
async fn a_client_that_went_away_is_not_signed_for() {
    let (signing, gate) = held(4);
    let identity = identity();
    let (told, signed) = mpsc::channel();
    {
        let mut gone = pin!(signing.sign("core".into(), job(&identity, Telling { profile: profile(), told })));
        assert!(started(gone.as_mut()));
        assert_eq!(signing.waiting(), 1);
    }
    assert_eq!(signing.waiting(), 0);
    gate.open();
    signing.sign("core".into(), job(&identity, profile())).await.unwrap();
    assert!(signed.try_recv().is_err());
}

#[tokio::test]
async fn a_panic_answers_an_error_and_the_thread_lives_on() {
    let signing = start(1, 8);
    let identity = identity();
    assert!(matches!(signing.sign("core".into(), job(&identity, Panicking(profile()))).await, Err(Refused::Panicked)));
    signing.sign("core".into(), job(&identity, profile())).await.unwrap();
    assert_eq!(signing.pool.shared.metrics.panics.get(), 1);
}

#[tokio::test]
async fn the_content_is_written_once() {
    let signing = start(1, 8);
    let identity = identity();
    let (told, contents) = mpsc::channel();
    signing.sign("core".into(), job(&identity, Telling { profile: profile(), told })).await.unwrap();
    assert_eq!(contents.try_iter().count(), 1);
}

#[tokio::test]
async fn stopping_finishes_what_waits_and_takes_nothing_more() {
    let (signing, gate) = held(4);
    let identity = identity();
    let mut waiting = Box::pin(signing.sign("core".into(), job(&identity, profile())));
    assert!(started(waiting.as_mut()));
    gate.open();
    let stopping = signing.clone();
    tokio::task::spawn_blocking(move || stopping.stop()).await.unwrap();
    waiting.await.unwrap();
    assert!(matches!(signing.sign("core".into(), job(&identity, profile())).await, Err(Refused::Stopping)));
}

#[tokio::test]
async fn after_forgetting_it_signs_on() {
    let signing = start(2, 8);
    let identity = identity();
    let first = signing.sign("core".into(), job(&identity, profile())).await.unwrap();
    signing.forget();
    assert_eq!(first.bytes.len(), signing.sign("core".into(), job(&identity, profile())).await.unwrap().bytes.len());
}

#[tokio::test]
async fn queue_time_and_work_time_are_told_apart() {
    let signing = start(1, 8);
    signing.sign("core".into(), job(&identity(), profile())).await.unwrap();
    let text = signing.pool.shared.metrics.encode();
    assert!(text.contains("signer_signing_queue_seconds_count 1"));
    assert!(text.contains("signer_signing_work_seconds_count 1"));
}

/// A pool whose only thread is busy until the gate opens.
fn held(capacity: usize) -> (Signing, Gate) {
    let signing = start(1, capacity);
    let (open, opened) = mpsc::channel();
    let (taken, taking) = mpsc::channel();
    let holding = Holding { profile: profile(), taken, opened: Mutex::new(opened) };
    let (held, job) = (signing.clone(), job(&identity(), holding));
    let mut holding = Box::pin(async move { held.sign("gate".into(), job).await });
    assert!(started(holding.as_mut()));
    taking.recv().unwrap();
    (signing, Gate { open, _holding: holding })
}

struct Gate {
    open: mpsc::Sender<()>,
    _holding: std::pin::Pin<Box<dyn Future<Output = Result<Signed, Refused>>>>,
}

impl Gate {
    fn open(&self) {
        self.open.send(()).unwrap();
    }
}

fn polled<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn started<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    polled(future).is_pending()
}

fn start(threads: u32, capacity: usize) -> Signing {
    Signing::start(threads, capacity, Arc::default()).unwrap()
}

fn job(identity: &Identity, what: impl Signable + Send + 'static) -> Job {
    let options = SignOptions::new(SystemTime::now());
    Job { identity: identity.clone(), options, what: Box::new(what) }
}

pub(super) fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.mdm", "MDM");
    profile.push(Restrictions::default());
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn validity() -> Validity {
    Validity::days(SystemTime::now() - Duration::from_secs(60), 30)
}

pub(super) fn identity() -> Identity {
    let root = Authority::new("Root", KeySpec::P256, validity()).unwrap();
    root.issue(&Leaf::new("Signer", KeySpec::P256, validity())).unwrap().identity().unwrap()
}

/// An identity, and the same key with a newer leaf in front.
fn renewed() -> (Identity, Identity) {
    let root = Authority::new("Root", KeySpec::P256, validity()).unwrap();
    let old = root.issue(&Leaf::new("Signer", KeySpec::P256, validity())).unwrap();
    let new = root.reissue(&Leaf::new("Signer", KeySpec::P256, validity()), &old).unwrap();
    let pem = [new.certificate_pem().unwrap(), old.certificate_pem().unwrap()].concat();
    (old.identity().unwrap(), Identity::from_pem(&pem, &new.key_pem().unwrap(), b"", None).unwrap())
}

/// Panics where its content is asked.
struct Panicking(Profile);

impl Signable for Panicking {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        panic!("on purpose")
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }
}

/// Tells when its content is asked.
struct Telling {
    profile: Profile,
    told: mpsc::Sender<()>,
}

impl Signable for Telling {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        self.told.send(()).unwrap();
        self.profile.to_xml().map(Content::from)
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }
}

/// Waits where its content is asked.
struct Holding {
    profile: Profile,
    taken: mpsc::Sender<()>,
    opened: Mutex<mpsc::Receiver<()>>,
}

impl Signable for Holding {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        self.taken.send(()).unwrap();
        self.opened.lock().unwrap().recv().unwrap();
        self.profile.to_xml().map(Content::from)
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }
}
