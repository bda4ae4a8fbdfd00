//! The document of the API, held against the router and against every answer of these tests.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use hyper::Method;
use serde_json::{Map, Value, json};
use signer::{
    Refusal,
    http::{ENTRIES, OPEN, document},
};

use crate::{
    client::{Answer, Ask},
    daemon::Daemon,
    reports::issued,
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap());

#[tokio::test]
async fn the_document_says_how_much_a_report_may_hold() {
    let of =
        |pointer: &str| DOCUMENT.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer}"));
    let items = of("/components/schemas/AcknowledgementReport/properties/error_chain/maxItems");
    let length = of("/components/schemas/ReportedError/properties/domain/maxLength");
    let daemon = Daemon::start().await;
    let chain = |items: u64, length: u64| {
        let link = json!({ "domain": "x".repeat(length as usize), "code": 1 });
        json!({ "status": "Error", "error_chain": vec![link; items as usize] })
    };
    for (report, status) in [
        (chain(items, length), 200),
        (chain(items + 1, length), 422),
        (chain(items, length + 1), 422),
        (chain(items, 0), 422),
    ] {
        let (issuance, _) = issued(&daemon).await;
        let answer = daemon.by("core").post(&format!("/v1/issuances/{issuance}/acknowledgement"), report).await;
        assert_eq!(answer.status, status);
    }
}

/// Whether an answer is one that the document has for its operation: status, media type, code, and the members of JSON.
pub fn hold(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let case = format!("{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    let Some(item) = template(path) else {
        assert_eq!(answer.refusal(), (404, "not-found".into()), "{case}");
        return;
    };
    // An answer to HEAD is that to GET, without the body.
    let is_head = method == Method::HEAD && item.get("get").is_some();
    let method = if is_head { &Method::GET } else { method };
    let Some(operation) = item.get(method.as_str().to_ascii_lowercase()) else {
        assert_eq!(answer.refusal(), (405, "method-not-allowed".into()), "{case}");
        return;
    };
    let response = operation["responses"].get(answer.status.to_string());
    let response = response.unwrap_or_else(|| panic!("the status is not in the document: {case}"));
    let given = answer.header("content-type");
    let content = response["content"].get(given);
    let content = content.unwrap_or_else(|| panic!("the media type {given} is not in the document: {case}"));
    if given.ends_with("json") && !is_head {
        let wrong = validate(&content["schema"], &answer.json(), "");
        assert!(wrong.is_empty(), "{wrong:#?}: {case}");
    }
}

/// The item of the path that has as many parts, and the same where they do not vary.
fn template(path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let named: Vec<&str> = template.split('/').collect();
        named.len() == parts.len()
            && named.iter().zip(&parts).all(|(named, part)| named.starts_with('{') || named == part)
    };
    DOCUMENT["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template)).map(|(_, item)| item)
}

/// What is wrong with a value, by as much of JSON Schema as the document uses.
fn validate(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema.get("$ref") {
        let name = reference.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
        return validate(&DOCUMENT["components"]["schemas"][name], value, at);
    }
    if let Some(any) = schema.get("oneOf").and_then(Value::as_array) {
        let fits = any.iter().filter(|one| validate(one, value, at).is_empty()).count();
        return if fits == 1 { vec![] } else { vec![format!("{at} fits {fits} of the schemas: {value}")] };
    }
    let mut wrong = Vec::new();
    if let Some(kind) = schema.get("type")
        && !is_of(kind, value)
    {
        wrong.push(format!("{at} is not {kind}: {value}"));
    }
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && !known.contains(value)
    {
        wrong.push(format!("{at} is none of the known values: {value}"));
    }
    if let Value::Array(items) = value {
        wrong.extend(items.iter().flat_map(|item| validate(&schema["items"], item, &format!("{at}[]"))));
    }
    if let Value::Object(members) = value {
        wrong.extend(validate_members(schema, members, at));
    }
    wrong
}

fn validate_members(schema: &Value, members: &Map<String, Value>, at: &str) -> Vec<String> {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let missing = required.iter().filter(|name| !members.contains_key(name.as_str().unwrap()));
    let mut wrong: Vec<String> = missing.map(|name| format!("{at}.{name} is missing")).collect();
    for (name, value) in members {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(property), _) => wrong.extend(validate(property, value, &at)),
            (None, Some(Value::Bool(false))) => wrong.push(format!("{at} is not in the document")),
            (None, Some(other)) if other.is_object() => wrong.extend(validate(other, value, &at)),
            (None, _) => {}
        }
    }
    wrong
}

fn is_of(kind: &Value, value: &Value) -> bool {
    let one = |kind: &Value| match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("the validator does not know {other}"),
    };
    kind.as_array().map_or_else(|| one(kind), |kinds| kinds.iter().any(one))
}

/// Method and path of every operation of the document.
fn operations() -> BTreeSet<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.flat_map(of).collect()
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let guarded = ENTRIES.iter().map(|entry| (entry.method.to_owned(), entry.path.to_owned()));
    let open = OPEN.iter().map(|path| ("GET".to_owned(), (*path).to_owned()));
    assert_eq!(operations(), guarded.chain(open).collect::<BTreeSet<_>>());
    for entry in ENTRIES {
        let operation = &DOCUMENT["paths"][entry.path][entry.method.to_lowercase()];
        assert_eq!(operation["description"], format!("Needs the role `{}`.", entry.role), "{}", entry.path);
        assert_eq!(operation["security"][0]["token"], Value::Array(vec![]), "{}", entry.path);
    }
}

#[tokio::test]
async fn the_router_has_every_route_and_opens_to_strangers_those_only_that_are_said_to_be_open() {
    let daemon = Daemon::start().await;
    for entry in ENTRIES {
        let path = entry.path.replace("{device}", "C02A").replace(['{', '}'], "");
        let ask = Ask::at(daemon.address);
        let answer = match entry.method {
            "POST" => ask.post(&path, serde_json::json!({})).await,
            _ => ask.get(&path).await,
        };
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()), "{} {path}", entry.method);
    }
    for path in OPEN {
        Ask::at(daemon.address).get(path).await.done();
    }
}

#[tokio::test]
async fn the_document_is_served_as_openapi_3_1_and_lists_every_refusal_somewhere() {
    let daemon = Daemon::start().await;
    let served = Ask::at(daemon.address).get("/openapi.json").await.done().json();
    assert_eq!(served, *DOCUMENT);
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1."));
    let text = served["paths"].to_string();
    let unlisted: Vec<&&str> =
        Refusal::ALL_CODES.iter().filter(|code| !text.contains(&format!("\"{code}\""))).collect();
    // A path or a method that there is not is no operation.
    assert_eq!(unlisted, [&"not-found", &"method-not-allowed"]);
}

#[tokio::test]
async fn a_daemon_that_is_not_ready_says_so_in_the_form_that_the_document_has() {
    let daemon = Daemon::start().await;
    daemon.pass(Duration::from_secs(400 * 86_400));
    let answer = daemon.by("read").get("/readyz").await;
    assert_eq!((answer.status, &answer.json()["ready"]), (503, &Value::Bool(false)));
    let content = &DOCUMENT["paths"]["/readyz"]["get"]["responses"]["503"]["content"];
    assert!(content.get("application/json").is_some() && content.get("application/problem+json").is_some());
}

#[test]
fn the_validator_sees_what_is_wrong() {
    let schema = &DOCUMENT["components"]["schemas"]["Taken"];
    let good = serde_json::json!({ "issuance": "x", "device": "d", "acknowledgement": { "status": "NotNow" } });
    assert_eq!(validate(schema, &good, ""), Vec::<String>::new());
    let change = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        validate(schema, &changed, "").len()
    };
    assert_eq!(change("device", 1.into()), 1);
    assert_eq!(change("more", 1.into()), 1);
    assert_eq!(change("acknowledgement", serde_json::json!({ "status": "Idle" })), 1);
    assert_eq!(validate(schema, &serde_json::json!({}), "").len(), 3);
}
