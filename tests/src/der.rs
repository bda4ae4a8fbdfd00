//! Where the parts of a DER structure are (X.690 §8.1), so that tests can change single bytes.

use std::ops::Range;

/// One element: its first byte, and where its contents are.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// The element whole, header included.
    pub(crate) whole: Range<usize>,
    /// Its contents.
    pub(crate) contents: Range<usize>,
}

impl Element {
    /// The element that starts at a place.
    pub(crate) fn at(der: &[u8], start: usize) -> Self {
        let first = usize::from(der[start + 1]);
        let (header, length) = match first {
            0..=0x7f => (2, first),
            0x81..=0x84 => {
                let octets = &der[start + 2..start + 2 + (first - 0x80)];
                (2 + octets.len(), octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
            }
            _ => panic!("no DER length at byte {start}"),
        };
        let contents = start + header..start + header + length;
        assert!(contents.end <= der.len(), "the element at byte {start} is longer than the file");
        Self { tag: der[start], whole: start..contents.end, contents }
    }

    /// The elements within, in order.
    pub(crate) fn children(&self, der: &[u8]) -> Vec<Element> {
        let mut children = Vec::new();
        let mut place = self.contents.start;
        while place < self.contents.end {
            let child = Element::at(der, place);
            place = child.whole.end;
            children.push(child);
        }
        children
    }

    /// The only element within.
    pub(crate) fn child(&self, der: &[u8]) -> Element {
        let [child] = &self.children(der)[..] else { panic!("not one element within {:?}", self.whole) };
        child.clone()
    }
}

/// An element around its contents.
pub(crate) fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let header = match u8::try_from(contents.len()) {
        Ok(length @ 0..=0x7f) => vec![tag, length],
        Ok(length) => vec![tag, 0x81, length],
        Err(_) => {
            let octets = u32::try_from(contents.len()).unwrap().to_be_bytes();
            let octets: Vec<_> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
            [&[tag, 0x80 | u8::try_from(octets.len()).unwrap()], octets.as_slice()].concat()
        }
    };
    [header, contents].concat()
}
