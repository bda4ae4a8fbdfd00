//! Signed files verified, against OpenSSL's own verification of CMS.

use std::hint::black_box;

use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    x509::{
        X509,
        store::{X509Store, X509StoreBuilder},
        verify::X509VerifyParam,
    },
};
use profile_kit::{
    SignOptions, Signer, TrustStore, UuidSource,
    template::Cut,
    verify::{Verifier, VerifyOptions, verify_bytes},
};

use crate::{
    contest::{Contestant, Effort, contest},
    material::{Device, KEYS, now, pki, template},
    report::Report,
};

pub fn run(effort: Effort, report: &mut Report) {
    for (key, spec) in KEYS {
        let (root, issued) = pki(spec);
        let mut signer = Signer::new(&issued.identity().unwrap(), SignOptions::new(now())).unwrap();
        let cut = Cut::new(template(), UuidSource::Content);
        let sign =
            |number| signer.sign(&cut.fill_row(&Device::numbered(number).row(), String::new()).unwrap()).unwrap();
        let files: Vec<Vec<u8>> = (0..100).map(sign).map(|signed| signed.into_bytes()).collect();
        let root = root.certificate_pem().unwrap();
        let (store, theirs) = (TrustStore::from_pem(&root).unwrap(), store(&root));
        let options = VerifyOptions::new(now());
        let mut verifier = Verifier::new(Some(&store), options.clone());
        let mut files = files.iter().cycle();
        let mut next = move || files.next().unwrap();
        let (mut a, mut b, mut c) = (next.clone(), next.clone(), next.clone());
        let mut outcomes = contest(
            effort,
            &mut [
                Contestant { name: "CMS_verify", once: &mut || cms_verify(next(), &theirs) },
                Contestant {
                    name: "one",
                    once: &mut || {
                        assert!(verify_bytes(black_box(a()), Some(&store), &options).unwrap().verdict().is_good())
                    },
                },
                Contestant {
                    name: "batch",
                    once: &mut || assert!(verifier.verify(black_box(b())).unwrap().verdict().is_good()),
                },
                Contestant {
                    name: "integrity",
                    once: &mut || assert!(verify_bytes(black_box(c()), None, &options).unwrap().integrity().is_good()),
                },
            ],
        )
        .into_iter();
        let of = format!("CMS_verify {key}");
        for (what, goal) in [
            ("CMS_verify", 1.0),
            ("verify one file", 2.0),
            ("verify a batch of one signer", 5.0),
            ("integrity alone", 0.0),
        ] {
            report.add(what, &of, goal, outcomes.next().unwrap());
        }
    }
}

fn store(root: &[u8]) -> X509Store {
    let mut param = X509VerifyParam::new().unwrap();
    param.set_time(now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64);
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.set_param(&param).unwrap();
    builder.add_cert(X509::from_pem(root).unwrap()).unwrap();
    builder.build()
}

fn cms_verify(file: &[u8], store: &X509Store) {
    let mut content = Vec::new();
    let mut cms = CmsContentInfo::from_der(black_box(file)).unwrap();
    cms.verify(None, Some(store), None, Some(&mut content), CMSOptions::BINARY).unwrap();
    assert!(!content.is_empty());
}
