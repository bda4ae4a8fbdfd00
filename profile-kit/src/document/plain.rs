//! Texts that need no second look, which nearly all are.

/// Whether a text has none of some bytes. Sixteen are looked at together, or eight of a short text, which the compiler
/// makes a few instructions of; the last ones may be looked at twice, so that few texts are left to a look at each.
#[inline]
pub(super) fn has_none(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    // Of numbers and not of answers: those would be put together by branches.
    let none = |bytes: &[u8]| bytes.iter().fold(0, |any, byte| any | u8::from(is_one(*byte))) == 0;
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        return bytes.as_chunks::<16>().0.iter().all(|some| none(some)) && none(last);
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => none(first) && none(last),
        _ => none(bytes),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_byte_is_found_wherever_it_stands() {
        for length in 0..40 {
            let text = "a".repeat(length);
            assert!(super::has_none(&text, |byte| byte == b'b'));
            for at in 0..length {
                let other = [&text[..at], "b", &text[at + 1..]].concat();
                assert!(!super::has_none(&other, |byte| byte == b'b'), "{at} of {length}");
            }
        }
    }
}
