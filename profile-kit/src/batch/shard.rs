//! The same table shared out over several machines.

use std::{fmt, str::FromStr};

/// One of several equal shares of a table's rows: those whose number leaves the share's when it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// The share `index` of `count`, both from 1 on.
    ///
    /// # Errors
    /// [`InvalidShard`] unless `1 <= index <= count`.
    pub fn new(index: u64, count: u64) -> Result<Self, InvalidShard> {
        if (1..=count).contains(&index) { Ok(Self { index, count }) } else { Err(InvalidShard) }
    }

    /// Which one it is, from 1 on.
    pub fn index(self) -> u64 {
        self.index
    }

    /// Of how many.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Whether a row, counted from 1, belongs to it.
    pub fn holds(self, row: u64) -> bool {
        row % self.count == self.index % self.count
    }
}

/// A share is written `I/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shard is I/N, such as 1/3: the first of three")]
pub struct InvalidShard;

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, InvalidShard> {
        let (index, count) = text.split_once('/').ok_or(InvalidShard)?;
        Self::new(index.parse().map_err(|_| InvalidShard)?, count.parse().map_err(|_| InvalidShard)?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_belongs_to_exactly_one() {
        let shards: Vec<Shard> = (1..=3).map(|index| Shard::new(index, 3).unwrap()).collect();
        for row in 1..100 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(row)).count(), 1, "{row}");
        }
    }

    #[test]
    fn refuses_what_is_no_share() {
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "1/3/5", "-1/3", ""] {
            assert_eq!(text.parse::<Shard>(), Err(InvalidShard), "{text}");
        }
    }
}
