//! Texts that need no second look, which nearly all are.

/// Whether all bytes of a text are of a kind, which is best asked without branches: so many are then asked at once.
pub(super) fn all_are(is: impl Fn(u8) -> bool, text: &str) -> bool {
    let all = |block: &[u8; BLOCK]| block.iter().fold(true, |all, byte| all & is(*byte));
    let bytes = text.as_bytes();
    let Some(end) = bytes.last_chunk() else {
        // A short one is looked at as a block of it and of its first byte.
        let Some(first) = bytes.first() else { return true };
        let mut block = [*first; BLOCK];
        block[..bytes.len()].copy_from_slice(bytes);
        return all(&block);
    };
    // The end is looked at as a block too, some of it twice.
    bytes.as_chunks().0.iter().all(all) && all(end)
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
