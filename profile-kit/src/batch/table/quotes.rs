//! What stands after a closing quote, which CSV has no meaning for.

/// Follows the quotes of a record as `csv_core` does, which takes such text for more of the cell without a word.
#[derive(Default)]
pub(super) struct Quotes {
    place: Place,
    /// The cell that is being read, from 0.
    cell: usize,
    /// The first cell that goes on after its closing quote.
    broken: Option<usize>,
}

#[derive(Clone, Copy, Default)]
enum Place {
    /// Of a cell.
    #[default]
    Start,
    /// Where quotes have no meaning.
    Bare,
    Quoted,
    /// After a quote that closes the cell, or is the first of a doubled one.
    Closed,
}

impl Quotes {
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Closed,
                (Place::Quoted, _) | (Place::Start | Place::Closed, b'"') => Place::Quoted,
                (_, b',') => {
                    self.cell += 1;
                    Place::Start
                }
                (_, b'\r' | b'\n') => Place::Start,
                (Place::Closed, _) => {
                    self.broken.get_or_insert(self.cell);
                    Place::Bare
                }
                (Place::Start | Place::Bare, _) => Place::Bare,
            };
        }
    }

    /// The cell that is to blame, from 0, and why.
    pub(super) fn problem(&self) -> Option<(usize, &'static str)> {
        self.broken.map(|cell| (cell, "has something after its closing quote; a quote within quotes is doubled"))
    }
}

#[cfg(test)]
mod tests {
    use csv_core::{ReadRecordResult, Reader};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tells_cells_apart_as_csv_core_does(record in "[x\",]{1,20}") {
            let line = record + "\n";
            let (read, _, _, cells) = Reader::new().read_record(line.as_bytes(), &mut [0; 64], &mut [0; 64]);
            let mut quotes = Quotes::default();
            quotes.pass(line.as_bytes());
            let is_whole = read == ReadRecordResult::Record;
            prop_assert_eq!(is_whole, !matches!(quotes.place, Place::Quoted));
            prop_assert!(!is_whole || cells == quotes.cell + 1);
        }
    }
}
