//! Texts that need no second look, which nearly all are.

/// Whether all bytes of a text are of a kind, which is best asked without branches: so many are then asked at once.
pub(super) fn all_are(is: impl Fn(u8) -> bool, text: &str) -> bool {
    let bytes = text.as_bytes();
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & is(*byte));
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    // The end of a longer text is looked at as a block too, some of it twice.
    let rest = bytes.last_chunk::<BLOCK>().map_or(rest, |last| last);
    blocks.iter().all(|block| all(block)) && all(rest)
}

const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_of_another_kind_is_found_wherever_it_stands() {
        for length in 0..70 {
            let text = "x".repeat(length);
            assert!(all_are(|byte| byte == b'x', &text));
            for at in 0..length {
                let other = format!("{}y{}", &text[..at], &text[at + 1..]);
                assert!(!all_are(|byte| byte == b'x', &other), "{other}");
            }
        }
    }
}
