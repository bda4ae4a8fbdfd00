//! Which rows are checked: those that bring something new.

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash, Hasher, RandomState},
};

use crate::{Template, template::Kind};

/// What stood in the placeholders' places in the rows that were checked: one a thread, and together they see every row.
///
/// To check each row would take longer than to sign it. A check differs from row to row by values of which there are
/// few, as a rule: each of them is checked once, and so is each combination of the boolean ones.
pub(super) struct Checked {
    digests: RandomState,
    /// By placeholder, in the order of their names.
    values: Vec<Values>,
    /// The places of the boolean ones.
    booleans: Vec<usize>,
    combinations: Values,
}

/// Distinct values, by their digests: a cell may be long, or a secret.
struct Values {
    known: HashSet<u64>,
    /// Where there are more, it is free text, which is not looked at any more.
    most: usize,
}

impl Checked {
    pub fn new(template: &Template) -> Self {
        let placeholders = template.placeholders().values().enumerate();
        Self {
            digests: RandomState::new(),
            values: template.placeholders().iter().map(|_| Values::new(MOST_VALUES)).collect(),
            booleans: placeholders.filter(|(_, it)| it.kind == Kind::Boolean).map(|(place, _)| place).collect(),
            combinations: Values::new(MOST_COMBINATIONS),
        }
    }

    /// Takes a row's cells in the order of the placeholders' names; whether something in them is new, as it is in a
    /// first row.
    pub fn add(&mut self, row: &[Option<&str>]) -> bool {
        let mut combination = self.digests.build_hasher();
        self.booleans.iter().for_each(|place| row.get(*place).hash(&mut combination));
        let mut is_new = self.combinations.add(|| combination.finish());
        for (values, cell) in self.values.iter_mut().zip(row) {
            is_new |= values.add(|| self.digests.hash_one(cell));
        }
        is_new
    }
}

impl Values {
    fn new(most: usize) -> Self {
        Self { known: HashSet::new(), most }
    }

    fn add(&mut self, digest: impl FnOnce() -> u64) -> bool {
        self.known.len() <= self.most && self.known.insert(digest())
    }
}

const MOST_VALUES: usize = 32;
const MOST_COMBINATIONS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    fn checked() -> Checked {
        let text = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.a]\ntype = \"boolean\"\n\
                    [placeholders.b]\ntype = \"boolean\"\n[placeholders.c]\n";
        Checked::new(&spec::read(text).unwrap())
    }

    #[test]
    fn a_row_is_new_with_a_first_value_or_combination_and_not_again() {
        let mut checked = checked();
        let (yes, no) = (Some("true"), Some("false"));
        let rows = [
            ([yes, no, None], true),
            ([yes, no, None], false),
            ([no, yes, None], true),
            ([no, no, None], true),
            ([no, no, Some("")], true),
            ([yes, yes, Some("")], true),
            ([yes, no, Some("")], false),
        ];
        for (row, is_new) in rows {
            assert_eq!(checked.add(&row), is_new, "{row:?}");
        }
    }

    #[test]
    fn free_text_is_looked_at_no_more() {
        let mut checked = checked();
        let news = (0..1000).filter(|number: &u32| checked.add(&[None, None, Some(&number.to_string())]));
        assert_eq!(news.count(), MOST_VALUES + 1);
        assert!(checked.add(&[None, Some("true"), Some("1000")]));
    }

    #[test]
    fn a_template_without_placeholders_is_checked_once() {
        let text = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n";
        let mut checked = Checked::new(&spec::read(text).unwrap());
        assert!(checked.add(&[]) && !checked.add(&[]));
    }
}
