//! Canaries: a removal password, keys, passphrases and tokens, and where none of them may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    client::{Answer, Client},
    daemon::{Daemon, signer, signer_does},
    load::Asked,
    site::{Site, identity},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_logs_answers_metrics_ledger_audit_or_backup() {
    for format in ["text", "json"] {
        let (site, canaries) = site_of_canaries(format);
        let daemon = Daemon::start(&site);
        let mut seen = Seen::new(canaries);
        ask_everything(&daemon, &mut seen).await;
        refuse_a_reload(&site, &mut seen);
        let backup = site.path("backup");
        let copied = signer(&["backup", backup.to_str().unwrap()], &site.config());
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        seen.look("signer backup", &[copied.stdout, copied.stderr].concat());
        seen.look_at_files(&backup);
        seen.look_at_record(&site);
        daemon.stop().await;
        seen.look_at_record(&site);
        seen.look("audit export", signer_does(&["audit", "export"], &site.config()).as_bytes());
        seen.look("log", &fs::read(site.path("log")).unwrap());
        assert!(fs::read_to_string(site.path("log")).unwrap().contains("answered"), "nothing was logged");
        assert!(seen.places.len() > 20, "{:?}", seen.places);
    }
}

#[test]
fn a_canary_is_seen_in_whatever_form_it_is_written() {
    let canary = Canary::new("password", PASSWORD);
    let text = String::from_utf8(PASSWORD.to_vec()).unwrap();
    let hex: String = PASSWORD.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = PASSWORD.iter().map(|byte| format!("%{byte:02X}")).collect();
    for written in [text.clone(), json!(text).to_string(), hex.to_uppercase(), hex, percent, format!("{PASSWORD:?}")] {
        assert!(canary.is_in(format!("a {written} b").as_bytes()), "{written}");
    }
    for before in ["", "a", "ab"] {
        assert!(canary.is_in(STANDARD.encode([before.as_bytes(), PASSWORD, b"and more"].concat()).as_bytes()));
    }
    assert!(canary.is_in(b"Aviary%3C%26%3E%2F%2B%207Qz"));
    assert!(canary.is_in(b"Aviary&lt;&amp;&gt;/+ 7Qz"));
    assert!(!canary.is_in(b"Aviary"));
}

/// Issuances and refusals, and what each of them answers.
async fn ask_everything(daemon: &Daemon, seen: &mut Seen) {
    let password = String::from_utf8(PASSWORD.to_vec()).unwrap();
    let parameters = json!({ "parameters": { "removal_password": password } });
    let path = "/v1/devices/D/profiles/ivi-mdm";
    let mut client = daemon.client().await;
    let issued = client.post(path, "k-1", &parameters).await.unwrap();
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert!(Canary::new("password", PASSWORD).is_in(&issued.body), "the profile does not have the password");
    seen.look("head", issued.head().as_bytes());
    let target = json!({ "platform": "iOS", "os": "17.0", "supervised": true });
    let overwrite = "/v1/devices/D/profiles/jp.example.ivi-mdm/overwrite";
    let freed = client.post(overwrite, "k-2", &json!({ "target": target })).await.unwrap();
    assert_eq!(freed.status, 200, "{}", freed.text());
    seen.answer("overwrite", &freed);
    for (name, path, key, body) in [
        ("conflict", path, "k-1", json!({ "parameters": {} })),
        ("unknown parameter", path, "k-3", json!({ "parameters": { "colour": &password } })),
        ("wrong type", path, "k-4", json!({ "parameters": { "removal_password": [&password] } })),
        ("wrong pattern", path, "k-5", json!({ "parameters": { "removal_password": format!("{password}\n") } })),
        ("unprintable", path, "k-6", json!({ "parameters": { "removal_password": format!("{password}\u{1}") } })),
        ("unknown member", path, "k-7", json!({ &password: 1 })),
        ("wrong member", path, "k-8", json!({ "parameters": &password })),
        ("unknown spec", "/v1/devices/D/profiles/none", "k-9", parameters.clone()),
        ("wrong overwrite", overwrite, "k-10", json!({ "removal_password": &password })),
        ("acknowledgement", "/v1/issuances/none/acknowledgement", "k-11", json!({ "status": &password })),
        ("ticket", "/v1/tickets", "k-12", json!({ "devices": [&password] })),
    ] {
        let refused = client.post(path, key, &body).await.unwrap();
        assert!(refused.status >= 400, "{name}: {}", refused.status);
        seen.answer(name, &refused);
    }
    for path in ["/v1/devices/D", "/v1/devices/D/diagnosis", "/v1/devices", "/metrics", "/readyz", "/openapi.json"] {
        let answer = client.get(path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        seen.answer(path, &answer);
    }
    let wrong = String::from_utf8(WRONG_TOKEN.to_vec()).unwrap();
    let mut stranger = Client::connect(daemon.address, [127, 0, 0, 1], &wrong).await.unwrap();
    let refused = Asked::new().ask(&mut stranger).await.unwrap();
    assert_eq!(refused.status, 401);
    seen.answer("wrong token", &refused);
    // What is no HTTP, and no JSON.
    let bad = [b"POST /v1/devices/D/profiles/ivi-mdm HTTP/1.1\r\nhost: signer\r\n: ", PASSWORD, b"\r\n\r\n"].concat();
    stranger.send(&bad).await.unwrap();
    if let Ok(refused) = stranger.answer().await {
        seen.answer("no HTTP", &refused);
    }
}

/// A reload with a passphrase that does not open its key.
fn refuse_a_reload(site: &Site, seen: &mut Seen) {
    site.write("test.passphrase", WRONG_PASSPHRASE);
    for verb in ["reload", "check"] {
        let refused = signer(&[verb], &site.config());
        assert!(!refused.status.success());
        seen.look(verb, &[refused.stdout, refused.stderr].concat());
    }
    site.write("test.passphrase", PASSPHRASE);
}

/// A daemon that logs all it can, and every secret of which is a canary.
fn site_of_canaries(format: &str) -> (Site, Vec<Canary>) {
    let site = Site::new();
    site.configure(&format!("[log]\nformat = \"{format}\"\nlevel = \"debug\""));
    let identity = identity("Canary");
    site.write("test.pem", [identity.certificate_pem().unwrap(), identity.chain_pem().unwrap()].concat());
    let key = openssl::pkey::PKey::private_key_from_pem(&identity.key_pem().unwrap()).unwrap();
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    site.write("test.key", key.private_key_to_pem_pkcs8_passphrase(cipher, PASSPHRASE).unwrap());
    site.write("test.passphrase", PASSPHRASE);
    site.change("signer.toml", "key = { file = \"test.key\" }", KEY_AND_PASSPHRASE);
    site.change("signer.toml", "example = { serial = \"C02EXAMPLE\" }", "example = { removal_password = \"1234\" }");
    site.write("ivi-mdm.toml", SPEC);
    let scalar = key.ec_key().unwrap().private_key().to_vec_padded(32).unwrap();
    let checkpoint = fs::read_to_string(site.path("checkpoints.key")).unwrap();
    let checkpoint = checkpoint.lines().nth(1).unwrap();
    let canaries = vec![
        Canary::new("removal password", PASSWORD),
        Canary::new("token", site.token().as_bytes()),
        Canary::new("wrong token", WRONG_TOKEN),
        Canary::new("passphrase", PASSPHRASE),
        Canary::new("wrong passphrase", WRONG_PASSPHRASE),
        Canary::new("signing key", &scalar),
        Canary::new("seal key", &fs::read(site.path("ledger-seal.key")).unwrap()),
        Canary::new("parameter key", &fs::read(site.path("ledger-parameters.key")).unwrap()),
        Canary::new("checkpoint key", &checkpoint.as_bytes()[checkpoint.len() / 2..]),
    ];
    (site, canaries)
}

/// A secret, in every form in which it may be written.
struct Canary {
    name: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new(name: &'static str, secret: &[u8]) -> Self {
        let hex = |byte: &u8| format!("{byte:02x}");
        let lower: String = secret.iter().map(hex).collect();
        let percent = |all: bool| -> String {
            let one = |byte: &u8| match byte.is_ascii_alphanumeric() && !all {
                true => char::from(*byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            secret.iter().map(one).collect()
        };
        let mut forms = vec![
            secret.to_vec(),
            lower.to_uppercase().into(),
            lower.into(),
            percent(true).into(),
            percent(false).into(),
            percent(true).to_lowercase().into(),
            percent(false).replace("%20", "+").into(),
            secret.escape_ascii().to_string().into(),
            format!("{secret:?}").trim_matches(['[', ']']).into(),
        ];
        if let Ok(text) = std::str::from_utf8(secret) {
            forms.push(json!(text).to_string().trim_matches('"').into());
            forms.push(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into());
            forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        }
        // What stands before it shifts it: of each of the three only what depends on nothing else.
        for shift in 0..3 {
            let encoded = STANDARD.encode([&vec![0; shift], secret].concat());
            let whole = (shift + secret.len()) / 3 * 4;
            let own = encoded[shift.div_ceil(3) * 4..whole].to_owned();
            forms.push(own.replace('+', "-").replace('/', "_").into());
            forms.push(own.into());
        }
        Self { name, forms }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| contains(bytes, form))
    }
}

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

/// Everything that was looked at.
struct Seen {
    canaries: Vec<Canary>,
    places: Vec<String>,
}

impl Seen {
    fn new(canaries: Vec<Canary>) -> Self {
        Self { canaries, places: Vec::new() }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        for canary in &self.canaries {
            assert!(!canary.is_in(bytes), "{}: the {} is in it", place, canary.name);
        }
        self.places.push(place.to_owned());
    }

    fn answer(&mut self, place: &str, answer: &Answer) {
        self.look(place, answer.head().as_bytes());
        self.look(place, &answer.body);
    }

    fn look_at_files(&mut self, folder: &Path) {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            self.look(path.to_str().unwrap(), &fs::read(&path).unwrap());
        }
    }

    /// The ledger's files and the checkpoints as they lie there, and what the daemon was started with.
    fn look_at_record(&mut self, site: &Site) {
        let folder = fs::read_dir(site.path("")).unwrap().map(|file| file.unwrap().path());
        let record = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("ledger.db") || name == "checkpoints.jsonl"
        };
        let files: Vec<_> = folder.filter(record).collect();
        assert!(files.len() >= 2, "{files:?}");
        for path in files {
            self.look(path.to_str().unwrap(), &fs::read(&path).unwrap());
        }
    }
}

const PASSWORD: &[u8] = b"Aviary<&>/+ 7Qz";
const PASSPHRASE: &[u8] = b"Budgerigar/+= 9Xw";
const WRONG_PASSPHRASE: &[u8] = b"Cockatiel/+= 3Vk";
const WRONG_TOKEN: &[u8] = b"signer_Finch5Jm2Goldfinch8Rt4Greenfinch6Bn1Serin";
const KEY_AND_PASSPHRASE: &str = "key = { file = \"test.key\" }\npassphrase = { file = \"test.passphrase\" }";
const SPEC: &str = "format = 1
identifier = \"jp.example.ivi-mdm\"
display_name = \"IVI MDM\"
removal = { password = \"{{removal_password}}\" }
[placeholders.removal_password]
type = \"string\"
pattern = \"[^\\n]+\"
secret = true
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowCamera = false }
";
