//! Where the keys and values of an XML property list stand.

use std::collections::HashMap;

use crate::{KeyPath, Step};

/// Line and column, both counted from 1 and the column in characters, of every key and value.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    spots: Vec<Spot<(usize, usize)>>,
    children: HashMap<(usize, Step), usize>,
}

/// A value and, in a dictionary, its key.
#[derive(Clone, Copy, Debug)]
struct Spot<P> {
    key: Option<P>,
    value: P,
}

impl Positions {
    /// Where the value begins, at its element's `<`.
    pub fn value(&self, path: &KeyPath) -> Option<(usize, usize)> {
        Some(self.spot(path)?.value)
    }

    /// Where the key of a value in a dictionary begins, at `<key>`; none for the root and the items of arrays.
    pub fn key(&self, path: &KeyPath) -> Option<(usize, usize)> {
        self.spot(path)?.key
    }

    /// Where the value begins or, if it is not there, what should contain it: for a key that is missing.
    pub fn nearest(&self, path: &KeyPath) -> Option<(usize, usize)> {
        let mut at = 0;
        for step in &path.0 {
            let Some(child) = self.children.get(&(at, step.clone())) else {
                break;
            };
            at = *child;
        }
        Some(self.spots.get(at)?.value)
    }

    fn spot(&self, path: &KeyPath) -> Option<&Spot<(usize, usize)>> {
        let child = |at, step: &Step| self.children.get(&(at, step.clone())).copied();
        self.spots.get(path.0.iter().try_fold(0, child)?)
    }
}

/// Notes down, while a file is read, where each value begins: memory grows with the values, not with their depth.
#[derive(Default)]
pub(super) struct Recorder {
    spots: Vec<Spot<usize>>,
    children: HashMap<(usize, Step), usize>,
    open: Vec<usize>,
}

impl Recorder {
    /// A value begins; `step` leads to it, except to the root.
    pub(super) fn enter(&mut self, step: Option<Step>, key: Option<usize>, value: usize) {
        let number = self.spots.len();
        self.spots.push(Spot { key, value });
        if let (Some(&parent), Some(step)) = (self.open.last(), step) {
            self.children.insert((parent, step), number);
        }
        self.open.push(number);
    }

    /// The value that began last is complete.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// Turns offsets into lines and columns, in one pass over the text.
    pub(super) fn locate(self, text: &str) -> Positions {
        let mut lines = Lines::new(text);
        let mut at = |spot: Spot<usize>| {
            let key = spot.key.map(|offset| lines.advance(offset));
            Spot { key, value: lines.advance(spot.value) }
        };
        Positions { spots: self.spots.into_iter().map(&mut at).collect(), children: self.children }
    }
}

/// Line and column of a byte of a text.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    Lines::new(text).advance(offset)
}

/// Walks forward through a text and counts.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte at or after the last one asked for.
    fn advance(&mut self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset).max(self.offset);
        let mut passed = self.text[self.offset..].char_indices().peekable();
        while let Some((_, c)) = passed.next_if(|(at, _)| self.offset + at < offset) {
            let ends = c == '\n' || (c == '\r' && passed.peek().is_none_or(|(_, next)| *next != '\n'));
            (self.line, self.column) = if ends { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.offset = offset;
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_all_line_ends() {
        let text = "é<\r\nab\rc\n<";
        let mut lines = Lines::new(text);
        assert_eq!(lines.advance(2), (1, 2));
        assert_eq!(lines.advance(5), (2, 1));
        assert_eq!(lines.advance(8), (3, 1));
        assert_eq!(lines.advance(text.len() - 1), (4, 1));
    }

    #[test]
    fn an_offset_beyond_the_end_is_the_end() {
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }
}
