//! The scenarios that come with the library.

/// A scenario that comes with the library.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name, that of its file without `.toml`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Shipped {
    /// The one of a name.
    pub fn find(name: &str) -> Option<&'static Shipped> {
        SHIPPED.iter().find(|shipped| shipped.name == name)
    }
}

macro_rules! shipped {
    ($($name:literal)+) => {
        /// The scenarios that come with the library: the good ways, each warning, each way to go wrong.
        pub const SHIPPED: &[Shipped] = &[
            $(Shipped { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),+
        ];
    };
}

shipped! {
    "hybrid"
    "ivi"
    "procedure-2017"
    "overwrite-by-mdm"
    "w1-forced"
    "w1-seen-in-time"
    "w1-taken-back"
    "w2-page-not-reached"
    "w2-safari-restricted"
    "w2-safari-restricted-ivi"
    "w3-cancelled"
    "w3-never-run"
    "wrong-order-mdm-first"
    "wrong-order-ivi-first"
    "wrong-order-record-first"
    "w4-app-first"
    "w4-app-first-2017"
    "w4-app-first-supervised"
    "w4-app-store-open"
    "app-removal-restricted"
    "identifier-changed"
    "identifier-changed-of-issued"
    "renewed-same-key-leaf-equal"
    "renewed-same-key-same-key"
    "renewed-same-key-any-of-chain"
    "renewed-same-key-none"
    "renewed-other-key-leaf-equal"
    "renewed-other-key-same-key"
    "renewed-other-key-any-of-chain"
    "renewed-other-key-none"
    "renewed-other-ca-leaf-equal"
    "renewed-other-ca-same-key"
    "renewed-other-ca-any-of-chain"
    "renewed-other-ca-none"
    "renewed-of-issued"
    "signer-lost"
    "signer-expired"
    "unsigned-over-signed"
    "unsigned-installed"
    "damaged-signature"
    "empty-password-current"
    "managed-against-manual"
    "mdm-over-manual-unsupervised"
    "unsupervised"
    "install-forbidden"
    "install-forbidden-mdm"
    "pending-expired"
    "removal-date"
    "duration-until-removal"
    "removal-password"
    "password-must-match"
}
