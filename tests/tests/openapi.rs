//! The API's document is one that another implementation takes.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use interop::{is_present, openapi::OpenApiValidator};

#[test]
fn the_document_of_the_api_is_valid_openapi_3_1() {
    if !is_present(OpenApiValidator::missing()) {
        return;
    }
    let document = signer::http::document();
    assert_eq!(OpenApiValidator::problems(&document.to_json().unwrap()), "");
    let broken = document.to_json().unwrap().replace("\"title\":\"signer\"", "\"titel\":\"signer\"");
    assert_ne!(OpenApiValidator::problems(&broken), "");
}
