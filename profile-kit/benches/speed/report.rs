//! What was measured, against what was promised.

use crate::contest::{Effort, Outcome};

pub struct Report {
    effort: Effort,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    of: String,
    goal: f64,
    outcome: Outcome,
}

impl Report {
    pub fn new(effort: Effort) -> Self {
        println!("| what | of | at least | measured | a second |\n| --- | --- | --- | --- | --- |");
        Self { effort, rows: Vec::new() }
    }

    /// A ratio and what it has to be at least.
    pub fn add(&mut self, what: &str, of: &str, goal: f64, outcome: Outcome) {
        println!("| {what} | {of} | {goal} | {:.3} | {:.0} |", outcome.ratio, outcome.rate);
        self.rows.push(Row { what: what.to_owned(), of: of.to_owned(), goal, outcome });
    }

    /// As a test, fails where a figure is an order of magnitude below what was promised: a busy machine does not do that.
    pub fn finish(self) {
        let lost = self.rows.iter().filter(|row| row.outcome.ratio < row.goal / 10.0);
        let lost: Vec<_> = lost.map(|row| format!("{}: {:.3} of {}", row.what, row.outcome.ratio, row.of)).collect();
        assert!(self.effort.is_measurement || lost.is_empty(), "an order of magnitude below: {lost:?}");
    }
}
