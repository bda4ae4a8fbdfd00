//! Bearer tokens (RFC 6750): made once, shown once, known afterwards by their digest alone.

use std::fmt;

use openssl::{error::ErrorStack, rand::rand_bytes};
use zeroize::Zeroizing;

use crate::Digest;

/// A bearer token of 256 random bits: `signer_` and 64 hexadecimal digits. Wiped when dropped, shown as `[redacted]`.
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token out of randomness.
    pub fn from_random(random: &Zeroizing<[u8; 32]>) -> Self {
        // Room for all of it at once: a text that grows leaves copies behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 64));
        text.push_str(PREFIX);
        for byte in random.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        Self(text)
    }

    /// A token out of the system's randomness.
    ///
    /// # Errors
    /// Where the system has none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut random = Zeroizing::new([0; 32]);
        rand_bytes(random.as_mut_slice())?;
        Ok(Self::from_random(&random))
    }

    /// The token itself: to be printed once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the configuration keeps of it.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// The system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random numbers")]
pub struct NoRandomness(#[from] ErrorStack);

/// The digest by which a token is known.
pub(crate) fn digest(token: &str) -> Digest {
    Digest::of(token.as_bytes())
}

/// So that a token is seen for what it is where it should not be.
const PREFIX: &str = "signer_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_is_and_holds_all_of_its_randomness() {
        let token = Token::from_random(&Zeroizing::new([0xa5; 32]));
        assert_eq!(token.reveal(), format!("signer_{}", "a5".repeat(32)));
        assert_eq!(token.digest(), Digest::of(token.reveal().as_bytes()));
    }

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(Token::generate().unwrap().reveal(), Token::generate().unwrap().reveal());
    }

    #[test]
    fn does_not_show_itself() {
        assert_eq!(format!("{:?}", Token::generate().unwrap()), "Token([redacted])");
    }
}
