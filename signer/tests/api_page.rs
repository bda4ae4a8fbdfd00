//! The page of the documentation about the API is what the code says.

#![allow(missing_docs, dead_code, reason = "the example's main is not called here")]

#[path = "../examples/api_page.rs"]
mod api_page;

#[test]
fn the_page_is_what_the_code_says() {
    let written = include_str!("../../docs/api.md");
    assert!(written == api_page::page(), "run: cargo run -p signer --example api_page > docs/api.md");
}
