//! Changes to a file, themselves read from hostile bytes.

/// A list of changes, four bytes each: where (two bytes, a remainder of the length), what, and with which byte.
#[derive(Clone, Copy, Debug)]
pub struct Edits<'a>(
    /// The list as it is; a rest of fewer than four bytes is passed over.
    pub &'a [u8],
);

impl Edits<'_> {
    /// The file with the first 64 changes made to it.
    pub fn of(self, file: &[u8]) -> Vec<u8> {
        let mut edited = file.to_vec();
        for edit in self.0.chunks_exact(4).take(64) {
            let at = usize::from(edit[0]) << 8 | usize::from(edit[1]);
            let at = at % edited.len().max(1);
            match edit[2] % 5 {
                _ if edited.is_empty() => edited.push(edit[3]),
                0 => edited[at] ^= edit[3],
                1 => edited[at] = edit[3],
                2 => edited.insert(at, edit[3]),
                3 => drop(edited.remove(at)),
                _ => edited.truncate(at),
            }
        }
        edited
    }
}
