//! What the parts of a signed profile cost: where the time goes that the key does not take.

use std::hint::black_box;

use profile_kit::{SignOptions, Signable, Signer, UuidSource, template::Cut};

use crate::{
    contest::{Contestant, Effort, contest},
    material::{Device, KEYS, now, pki, profile, template},
    raw::Raw,
};

pub fn run(effort: Effort) {
    let (_, issued) = pki(KEYS[1].1);
    let identity = issued.identity().unwrap();
    let device = Device::numbered(7);
    let mut raw = Raw::new(&issued);
    let mut as_profiles_are = Raw::deterministic(&issued);
    let mut signer = Signer::new(&identity, SignOptions::new(now())).unwrap();
    let cut = Cut::new(template(), UuidSource::Content);
    let filled = cut.fill_row(&device.row(), String::new()).unwrap();
    let mut buffer = String::new();
    let whole = profile(&device);
    let outcomes = contest(
        effort,
        &mut [
            Contestant { name: "raw P-256 signature, random nonce", once: &mut || raw.sign() },
            Contestant { name: "raw P-256 signature, deterministic nonce", once: &mut || as_profiles_are.sign() },
            Contestant { name: "signing 4 KB that are ready", once: &mut || drop(signer.sign(&filled).unwrap()) },
            Contestant {
                name: "filling a cut template",
                once: &mut || {
                    buffer = cut.fill_row(&black_box(device.row()), std::mem::take(&mut buffer)).unwrap().into_xml();
                },
            },
            Contestant { name: "building structs", once: &mut || drop(black_box(profile(&device))) },
            Contestant { name: "UUIDs and XML of a profile", once: &mut || drop(black_box(whole.content().unwrap())) },
            Contestant { name: "what is refused of a profile", once: &mut || drop(black_box(whole.refusals())) },
        ],
    );
    println!("\n| part | µs |\n| --- | --- |");
    outcomes.iter().for_each(|outcome| println!("| {} | {:.2} |", outcome.name, 1e6 / outcome.rate));
    println!();
}
