//! Codes as options name them.

use profile_kit::check::Code;

/// What may be denied.
#[derive(Clone, Copy)]
pub enum Denied {
    /// Everything that is a warning.
    Warnings,
    /// Findings of a code.
    Code(Code),
}

/// Reads a code; an unknown word is refused with a known one that is like it.
pub fn code(word: &str) -> Result<Code, String> {
    word.parse().map_err(|_| unknown(word, &[]))
}

/// Reads a code or `warnings`.
pub fn denied(word: &str) -> Result<Denied, String> {
    match word {
        WARNINGS => Ok(Denied::Warnings),
        word => word.parse().map(Denied::Code).map_err(|_| unknown(word, &[WARNINGS])),
    }
}

fn unknown(word: &str, others: &[&'static str]) -> String {
    match near(word, others) {
        Some(near) => format!("is not a finding's code; did you mean {near}?"),
        None => "is not a finding's code".into(),
    }
}

/// The known word that is most like this one, if one is.
fn near(word: &str, others: &[&'static str]) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let known = Code::ALL.iter().map(|code| code.word()).chain(others.iter().copied());
    let likeness = |known: &str| strsim::jaro_winkler(&word, &known.to_ascii_lowercase());
    let all = known.map(|known| (likeness(known), known)).filter(|(likeness, _)| *likeness > LIKE);
    all.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}

const WARNINGS: &str = "warnings";
/// From 0 to 1; a word with one letter wrong is above it.
const LIKE: f64 = 0.85;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_refused_with_one_that_is_like_it() {
        assert_eq!(code("missingkey").unwrap_err(), "is not a finding's code; did you mean MissingKey?");
        assert_eq!(code("UnknwonKey").unwrap_err(), "is not a finding's code; did you mean UnknownKey?");
        assert_eq!(denied("warning").err().unwrap(), "is not a finding's code; did you mean warnings?");
        assert_eq!(code("xyz").unwrap_err(), "is not a finding's code");
    }
}
