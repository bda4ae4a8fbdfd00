//! Asks which OpenSSL is linked, to know whether it makes deterministic ECDSA signatures.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(deterministic_ecdsa)");
    let version = std::env::var("DEP_OPENSSL_VERSION_NUMBER").ok();
    let number = version.and_then(|hexadecimal| u64::from_str_radix(&hexadecimal, 16).ok());
    if number.is_some_and(|number| number >= OPENSSL_3_2) {
        println!("cargo::rustc-cfg=deterministic_ecdsa");
    }
}

/// The first version with deterministic nonces, as `OPENSSL_VERSION_NUMBER` writes it.
const OPENSSL_3_2: u64 = 0x3020_0000;
