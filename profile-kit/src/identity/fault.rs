//! What is wrong with an identity, for programs: the sentences beside it are for people, and may change.

/// Why a key, a certificate or a passphrase cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityFault {
    /// A passphrase is needed, and there is none.
    NoPassphrase,
    /// The passphrase opens nothing.
    WrongPassphrase,
    /// A file holds something else than it must, or is encrypted in a way that this OpenSSL does not read.
    Unreadable,
    /// A key's file is open to group or others.
    OpenToOthers,
    /// The key is of a kind or a size that cannot be used for it.
    UnusableKey,
    /// No certificate belongs to the key.
    NoCertificate,
    /// The certificate's key usage does not allow it (RFC 5280 §4.2.1.3).
    KeyUsage,
    /// The certificate's time has ended, or has not begun.
    OutsideValidity,
    /// The identity is not for what is asked of it.
    WrongPurpose,
    /// The key does not open what is encrypted.
    WrongKey,
    /// No identity has the name that is asked for.
    Unknown,
}
