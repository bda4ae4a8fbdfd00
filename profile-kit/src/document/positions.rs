//! Where the keys and values of an XML property list stand.

use std::{collections::HashMap, ops::Range};

use crate::{KeyPath, Step};

/// Line and column, both counted from 1 and the column in characters, of every key and value.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    spots: Vec<Spot<Mark>>,
    children: HashMap<(usize, Step), usize>,
}

/// A value and, in a dictionary, its key; the end of the value in bytes.
#[derive(Clone, Copy, Debug)]
struct Spot<P> {
    key: Option<P>,
    value: P,
    end: usize,
}

/// A place in a text: bytes from its start, line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub offset: usize,
    pub line: usize,
    pub column: usize,
}

impl Mark {
    fn line_and_column(self) -> (usize, usize) {
        (self.line, self.column)
    }
}

/// A value of the text, by the order in which the values begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node(usize);

impl Positions {
    /// Where the value begins, at its element's `<`.
    pub fn value(&self, path: &KeyPath) -> Option<(usize, usize)> {
        Some(self.spot(path)?.value.line_and_column())
    }

    /// Where the key of a value in a dictionary begins, at `<key>`; none for the root and the items of arrays.
    pub fn key(&self, path: &KeyPath) -> Option<(usize, usize)> {
        Some(self.spot(path)?.key?.line_and_column())
    }

    /// Where the value begins or, if it is not there, what should contain it: for a key that is missing.
    pub fn nearest(&self, path: &KeyPath) -> Option<(usize, usize)> {
        Some(self.nearest_mark(path)?.line_and_column())
    }

    /// As [`nearest`](Positions::nearest).
    pub(crate) fn nearest_mark(&self, path: &KeyPath) -> Option<Mark> {
        let mut at = 0;
        for step in &path.0 {
            let Some(child) = self.children.get(&(at, step.clone())) else {
                break;
            };
            at = *child;
        }
        Some(self.spots.get(at)?.value)
    }

    /// As [`key`](Positions::key).
    pub(crate) fn key_mark(&self, path: &KeyPath) -> Option<Mark> {
        self.spot(path)?.key
    }

    /// As [`value`](Positions::value), and the byte behind the value's element.
    pub(crate) fn value_extent(&self, path: &KeyPath) -> Option<(Mark, usize)> {
        self.spot(path).map(|spot| (spot.value, spot.end))
    }

    /// The root, to walk down from; none where nothing has a position.
    pub(crate) fn root(&self) -> Option<Node> {
        (!self.spots.is_empty()).then_some(Node(0))
    }

    /// One step down.
    pub(crate) fn child(&self, node: Node, step: Step) -> Option<Node> {
        self.children.get(&(node.0, step)).copied().map(Node)
    }

    /// The bytes of a value's element.
    pub(crate) fn extent(&self, node: Node) -> Range<usize> {
        let spot = &self.spots[node.0];
        spot.value.offset..spot.end
    }

    fn spot(&self, path: &KeyPath) -> Option<&Spot<Mark>> {
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
        self.spots.push(Spot { key, value, end: value });
        if let (Some(&parent), Some(step)) = (self.open.last(), step) {
            self.children.insert((parent, step), number);
        }
        self.open.push(number);
    }

    /// The value that is open innermost ends here.
    pub(super) fn leave(&mut self, end: usize) {
        if let Some(number) = self.open.pop() {
            self.spots[number].end = end;
        }
    }

    /// Turns offsets into lines and columns, in one pass over the text.
    pub(super) fn locate(self, text: &str) -> Positions {
        let mut lines = Lines::new(text);
        let mut at = |spot: Spot<usize>| {
            let key = spot.key.map(|offset| lines.mark(offset));
            Spot { key, value: lines.mark(spot.value), end: spot.end }
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

    fn mark(&mut self, offset: usize) -> Mark {
        let (line, column) = self.advance(offset);
        Mark { offset, line, column }
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
    fn an_extent_is_the_whole_element() {
        let text = "<plist><dict><key>a</key>\n<array><true/> <string>é</string></array></dict></plist>";
        let positions = crate::document::positions(text.as_bytes()).unwrap();
        let root = positions.root().unwrap();
        let array = positions.child(root, Step::Key("a".into())).unwrap();
        let shown = |node| &text[positions.extent(node)];
        assert_eq!(shown(root), &text[7..text.len() - 8]);
        assert_eq!(shown(array), "<array><true/> <string>é</string></array>");
        assert_eq!(shown(positions.child(array, Step::Index(0)).unwrap()), "<true/>");
        assert_eq!(shown(positions.child(array, Step::Index(1)).unwrap()), "<string>é</string>");
    }

    #[test]
    fn an_offset_beyond_the_end_is_the_end() {
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }
}
