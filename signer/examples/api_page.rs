//! Prints the page of the documentation that lists routes, refusals and what a diagnosis may say:
//! `cargo run -p signer --example api_page > docs/api.md`.

use serde_json::Value;
use signer::{
    Refusal,
    diagnosis::{ACTIONS, REASONS},
    http::{ENTRIES, OPEN, document},
};

fn main() {
    print!("{}", page());
}

/// The whole page, in Markdown.
pub fn page() -> String {
    let document = serde_json::to_value(document()).expect("a document is JSON");
    let summary = |method: &str, path: &str| cell(text(&document["paths"][path][method.to_lowercase()]["summary"]));
    let mut page = String::from(HEAD);
    for entry in ENTRIES {
        let (method, path, role) = (entry.method, entry.path, entry.role);
        page += &format!("| `{method} {path}` | `{role}` | {} |\n", summary(method, path));
    }
    for path in OPEN {
        page += &format!("| `GET {path}` | none | {} |\n", summary("GET", path));
    }
    page += REFUSALS;
    for (code, status, meaning) in Refusal::ALL {
        page += &format!("| `{code}` | {status} | {} |\n", cell(meaning));
    }
    page += DIAGNOSIS;
    for (code, sentence, refs) in REASONS {
        page += &format!("| `{code}` | {} | {} |\n", cell(sentence), refs.join(", "));
    }
    page += NEXT;
    for action in ACTIONS {
        let (who, steps) = (action.who.word(), action.steps.join(", "));
        page += &format!("| `{}` | {who} | {} | {steps} |\n", action.action, cell(action.sentence));
    }
    page
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text that is neither HTML nor the end of a cell.
fn cell(text: &str) -> String {
    text.replace('<', "\\<").replace('|', "\\|")
}

const HEAD: &str = "# The signer's API

Made by `cargo run -p signer --example api_page`. `GET /openapi.json` has the same as an OpenAPI 3.1 document, with every
body and answer; a test holds it against the router and against every answer of the tests.

A caller is known by a bearer token, by the user of its process on the Unix socket, or by its TLS client certificate. Every
POST carries an `Idempotency-Key`: the same key with the same request gets the same answer, also after a crash; with
another request it is refused. A caller who is bound to devices or specs sees and does nothing outside of them. Who closes a
connection of HTTP/1.1, or only his side of it, before the answer is there counts as gone, and his request is given up.

## Routes
| route | role | what |
| --- | --- | --- |
";
const REFUSALS: &str = "
## Refusals
Every refusal is `application/problem+json` (RFC 9457) with a stable `code`. Only a head that is no HTTP, has more than
100 fields or a target of more than 65,534 bytes, or is longer than the limits of header and URI together, gets a bare 400,
414 or 431 from the HTTP library.

| code | status | meaning |
| --- | --- | --- |
";
const DIAGNOSIS: &str = "
## Diagnosis
`GET /v1/devices/{device}/diagnosis` says of each profile how the device stands with it (`free`, `deletable`, `locked`,
`needs-wipe`, `unknown`), why, what is left to do until the device is free, and which warnings of the procedure hold. S…
and W… are steps and warnings of the inactivation procedure, R… and L… facts about devices. The reasons:

| code | meaning | rests on |
| --- | --- | --- |
";
const NEXT: &str = "
What comes next, by whom:

| action | who | what | steps |
| --- | --- | --- | --- |
";
