//! The cells of one row.

use std::{fmt, ops::Range};

/// Texts in the order that was asked for; a cell that is not there or empty is `None`.
#[derive(Clone, Default)]
pub struct Cells {
    text: String,
    spans: Vec<Option<Range<usize>>>,
}

impl Cells {
    /// So many cells, all empty.
    pub(super) fn empty(count: usize) -> Self {
        Self { text: String::new(), spans: vec![None; count] }
    }

    pub(super) fn set(&mut self, index: usize, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.spans[index] = Some(start..self.text.len());
    }

    /// The text of a cell.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.spans.get(index)?.clone().map(|span| &self.text[span])
    }

    /// Bytes of all of them.
    pub(in crate::batch) fn size(&self) -> usize {
        self.text.len()
    }
}

/// How many there are: passwords may be among them.
impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cells").field("count", &self.spans.len()).finish_non_exhaustive()
    }
}
