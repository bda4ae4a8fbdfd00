//! Reading the rows: what is to be done with each.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    Result,
    batch::{
        Options, name,
        pipeline::Weigh,
        plan::Plan,
        seen::Seen,
        store::MANIFEST,
        table::{CellProblem, Row, RowProblem, Table},
    },
};

/// A row that is to be done.
pub(super) struct Job {
    pub row: Row,
    /// Device and file, or why it is not to be done.
    pub named: Result<(String, String), RowProblem>,
    /// Bytes of the table that were read then.
    pub position: u64,
}

impl Weigh for Job {
    fn bytes(&self) -> usize {
        self.row.cells.as_ref().map_or(0, |cells| cells.size())
    }
}

/// Reads the rows, names their files, and finds doubles.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    table: Table,
    options: &'a Options,
    /// Rows up to this one are done.
    last_row: u64,
    stop: &'a AtomicBool,
    devices: Seen,
    files: Seen,
    /// How many were read.
    pub rows: u64,
    pub is_stopped: bool,
    /// Keys that nothing uses.
    pub unused: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(plan: &'a Plan, table: Table, options: &'a Options, last_row: u64, stop: &'a AtomicBool) -> Self {
        let (devices, mut files) = (Seen::new(), Seen::new());
        // The manifest lies among the files.
        files.insert(&name::folded(MANIFEST));
        Self { plan, table, options, last_row, stop, devices, files, rows: 0, is_stopped: false, unused: Vec::new() }
    }

    pub fn read(&mut self, hand: &mut dyn FnMut(Job) -> bool) -> Result<()> {
        while let Some(row) = self.table.next()? {
            if self.stop.load(Ordering::Relaxed) {
                self.is_stopped = true;
                break;
            }
            self.rows = row.number;
            let is_known = |key: &String| self.plan.unused.contains(key);
            self.unused.extend(self.table.unused_keys().into_iter().filter(|key| !is_known(key)));
            // Doubles are found among all rows, whoever does them.
            let named = self.named(&row);
            let is_mine = self.options.shard.is_none_or(|shard| shard.holds(row.number));
            if row.number <= self.last_row || !is_mine {
                continue;
            }
            if !hand(Job { row, named, position: self.table.length().1 }) {
                break;
            }
        }
        Ok(())
    }

    fn named(&mut self, row: &Row) -> Result<(String, String), RowProblem> {
        let cells = row.cells.as_ref().map_err(|problem| row.problem(None, vec![problem.clone()]))?;
        let device = self.plan.device(cells).map_err(|problem| row.problem(None, vec![problem]))?;
        let refuse = |problem| row.problem(Some(device), vec![problem]);
        let file = self.plan.file(cells).map_err(refuse)?;
        if !self.devices.insert(device) {
            let problem = format!("{device:?} stands in a row before: a device gets one profile");
            return Err(refuse(CellProblem::of_cell(self.plan.device_column(), problem)));
        }
        if !self.files.insert(&name::folded(&file)) {
            return Err(refuse(CellProblem::of_row(format!(
                "the file {file:?} is that of a row before, or the manifest"
            ))));
        }
        match self.options.fan_out {
            true => Ok((device.to_owned(), format!("{}/{file}", name::folder(&file)))),
            false => Ok((device.to_owned(), file)),
        }
    }
}
