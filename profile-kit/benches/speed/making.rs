//! Profiles made and signed in memory, against the key alone.

use std::hint::black_box;

use profile_kit::{SignOptions, Signer, UuidSource, template::Cut};

use crate::{
    contest::{Contestant, Effort, contest},
    material::{Device, KEYS, now, pki, profile, template},
    raw::Raw,
    report::Report,
};

pub fn run(effort: Effort, report: &mut Report) {
    for ((key, spec), goals) in KEYS.into_iter().zip([[0.97, 0.94], [0.75, 0.55]]) {
        let (_, issued) = pki(spec);
        let identity = issued.identity().unwrap();
        let devices: Vec<Device> = (0..1000).map(Device::numbered).collect();
        let mut raw = Raw::new(&issued);
        let mut deterministic = Raw::deterministic(&issued);
        let mut signer = Signer::new(&identity, SignOptions::new(now())).unwrap();
        let cut = Cut::new(template(), UuidSource::Content);
        assert!(cut.is_cut());
        let mut buffer = String::new();
        let mut rows = devices.iter().cycle();
        let mut from_spec = || {
            let filled = cut.fill_row(&rows.next().unwrap().row(), std::mem::take(&mut buffer)).unwrap();
            drop(black_box(signer.sign(&filled).unwrap()));
            buffer = filled.into_xml();
        };
        let mut signer = Signer::new(&identity, SignOptions::new(now())).unwrap();
        let mut rows = devices.iter().cycle();
        let mut from_structs = || drop(black_box(signer.sign(&profile(rows.next().unwrap())).unwrap()));
        let mut outcomes = contest(
            effort,
            &mut [
                Contestant { name: "raw", once: &mut || raw.sign() },
                Contestant { name: "deterministic", once: &mut || deterministic.sign() },
                Contestant { name: "spec", once: &mut from_spec },
                Contestant { name: "structs", once: &mut from_structs },
            ],
        )
        .into_iter();
        let of = format!("raw {key}");
        for (what, goal) in
            [("raw", 1.0), ("raw, deterministic nonces", 0.0), ("from a spec", goals[0]), ("from structs", goals[1])]
        {
            report.add(what, &of, goal, outcomes.next().unwrap());
        }
    }
}
