//! What a check costs: beside a signature, and of many files on one core and on all.
//!
//! `cargo bench -p profile-kit --bench check` prints the ratios that the project promises to keep.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail by panic")]

use std::{
    cell::{LazyCell, RefCell},
    collections::BTreeMap,
    fs,
    hint::black_box,
    process::Command,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use criterion::Criterion;
use openssl::{md::Md, pkey::PKey, pkey_ctx::PkeyCtx, rsa::Rsa};
use profile_kit::{
    Inspector, Os, Payload, Profile, Removal, Target, UuidSource,
    check::check,
    payload::{Restrictions, WebClip, Wifi},
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let times = Times::default();
    one_profile(&mut criterion, &times);
    ten_thousand_files(&mut criterion, &times);
    criterion.final_summary();
    times.ratio("check", "RSA-2048 signature");
    times.ratio("parse and check", "RSA-2048 signature");
    times.ratio("10,000 files, all cores", "10,000 files, 1 core");
}

fn one_profile(criterion: &mut Criterion, times: &Times) {
    let profile = profile();
    let bytes = profile.to_xml().unwrap();
    assert!((3_900..4_300).contains(&bytes.len()), "{} bytes", bytes.len());
    let (target, at) = (Target::from(Os::ios(17)), UNIX_EPOCH + Duration::from_secs(1_780_000_000));
    assert_eq!(check(&profile, &target, at), []);
    let mut inspector = Inspector::new(target, at, None);
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut signer = PkeyCtx::new(&key).unwrap();
    signer.sign_init().unwrap();
    signer.set_signature_md(Md::sha256()).unwrap();
    let mut signature = [0; 256];
    times.measure(criterion, "RSA-2048 signature", || signer.sign(&[7; 32], Some(&mut signature)).unwrap());
    times.measure(criterion, "check", || check(black_box(&profile), &target, at).len());
    times.measure(criterion, "parse and check", || inspector.inspect(black_box(&bytes)).unwrap().findings.len());
}

fn ten_thousand_files(criterion: &mut Criterion, times: &Times) {
    let folder = LazyCell::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let bytes = profile().to_xml().unwrap();
        (0..10_000).for_each(|number| fs::write(folder.path().join(format!("{number}.mobileconfig")), &bytes).unwrap());
        folder
    });
    let run = |jobs: usize| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_profile-kit"));
        let output = program.arg("check").arg(folder.path()).args(["--jobs", &jobs.to_string()]).output().unwrap();
        assert_eq!(output.stdout, b"10000 files: no findings\n");
    };
    let mut criterion = std::mem::take(criterion).sample_size(10);
    times.measure(&mut criterion, "10,000 files, 1 core", || run(1));
    times.measure(&mut criterion, "10,000 files, all cores", || run(cores()));
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// A clean profile of 4 KB.
fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.set("PayloadDescription", "Management of device C02EXAMPLE").unwrap();
    profile.set("PayloadOrganization", "Example").unwrap();
    profile.set_removal(Removal::Disallowed);
    profile.push(Restrictions {
        allow_camera: Some(false),
        allow_screen_shot: Some(false),
        allow_safari: Some(true),
        ..Restrictions::default()
    });
    for ssid in ["guests", "staff", "loans"] {
        profile.push(Wifi { ssid: Some(ssid.into()), ..Wifi::default() });
    }
    for label in ["Help desk", "Lost and found"] {
        profile.push(WebClip {
            label: Some(label.into()),
            url: Some("https://mdm.example.jp/help?serial=C02EXAMPLE".into()),
            full_screen: Some(true),
            ..WebClip::default()
        });
    }
    profile.payloads_mut().iter_mut().for_each(describe);
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn describe(payload: &mut Payload) {
    let kind = payload.kind().unwrap_or_default().to_owned();
    payload.insert("PayloadDisplayName", kind);
    payload.insert("PayloadDescription", "Managed");
}

/// The best time of each thing that was measured: noise only adds.
#[derive(Default)]
struct Times(RefCell<BTreeMap<&'static str, Duration>>);

impl Times {
    fn measure<R>(&self, criterion: &mut Criterion, name: &'static str, mut work: impl FnMut() -> R) {
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                (0..times).for_each(|_| drop(black_box(work())));
                let whole = start.elapsed();
                let each = whole / u32::try_from(times).unwrap_or(u32::MAX);
                self.0.borrow_mut().entry(name).and_modify(|best| *best = each.min(*best)).or_insert(each);
                whole
            });
        });
    }

    fn ratio(&self, name: &str, other: &str) {
        let times = self.0.borrow();
        if let (Some(time), Some(of)) = (times.get(name), times.get(other)) {
            println!("{name}: {time:?} = {:.3} of {other}: {of:?}", time.as_secs_f64() / of.as_secs_f64());
        }
    }
}
