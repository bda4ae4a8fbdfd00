//! Texts that need no second look, which nearly all are.

/// A set of bytes.
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    /// Those from the first to the last, without some.
    pub const fn between(first: u8, last: u8, without: &[u8]) -> Self {
        let mut bytes = [false; 256];
        let mut byte = first as usize;
        while byte <= last as usize {
            bytes[byte] = true;
            byte += 1;
        }
        let mut index = 0;
        while index < without.len() {
            bytes[without[index] as usize] = false;
            index += 1;
        }
        Self(bytes)
    }

    /// Whether all bytes of a text are among them. Eight are looked at before it is asked whether to go on.
    pub fn hold(&self, text: &str) -> bool {
        let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & self.0[usize::from(*byte)]);
        let (eights, rest) = text.as_bytes().as_chunks::<8>();
        eights.iter().all(|eight| all(eight)) && all(rest)
    }
}
