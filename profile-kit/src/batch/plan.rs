//! Which column of a table goes where.

use std::collections::{BTreeSet, HashSet};

use super::{
    NamePattern, Options,
    table::{CellProblem, Cells, Row, RowProblem, Table, short},
};
use crate::{Error, Place, Result, Template, document, template::Values};

/// Where the cells of a row go.
pub(super) struct Plan {
    /// The columns that are used, each once.
    columns: Vec<String>,
    /// The placeholders that have a column, and its place.
    placeholders: Vec<(String, usize)>,
    device: usize,
    pub name: NamePattern,
    recipient: Option<usize>,
    /// The columns that nothing uses.
    pub unused: Vec<String>,
    /// The placeholders that no column fills, so that all rows get their defaults.
    pub defaulted: Vec<String>,
}

impl Plan {
    /// Fits a table to a template, and tells the table what is wanted of it.
    ///
    /// # Errors
    /// [`Error::Table`] for everything that can be known from the columns alone: a placeholder that has neither a column
    /// nor a default, or a column with nearly its name; no column for the device, the file's name or the certificate; a
    /// secret where it would be told.
    pub fn new(template: &Template, table: &mut Table, options: &Options) -> Result<Self> {
        let device = device(template, table, options)?;
        let name = options.name.clone().unwrap_or_else(|| NamePattern::of_column(&device));
        let is_there = |name: &str| !name.is_empty() && table.columns().iter().any(|column| column == name);
        let mut problems: Vec<String> = template
            .placeholders()
            .iter()
            .filter(|(name, placeholder)| placeholder.default.is_none() && !is_there(name))
            .map(|(name, _)| format!("placeholder {name:?} has no column and no default"))
            .collect();
        if !problems.is_empty() && table.columns().iter().any(|column| !column.is_ascii()) {
            problems.push("names of placeholders are ASCII: rename the column that is to fill one".into());
        }
        let defaulted: Vec<String> = template.placeholders().keys().filter(|name| !is_there(name)).cloned().collect();
        problems.extend(defaulted.iter().filter_map(|name| {
            let is_near = |column: &str| column != *name && column.to_lowercase() == name.to_lowercase();
            let is_used = |column: &str| template.placeholders().contains_key(column) || column == device;
            let column = table.columns().iter().find(|column| is_near(column) && !is_used(column))?;
            Some(format!("column {column:?} is not placeholder {name:?}: the case of letters counts"))
        }));
        let is_secret = |name: &str| template.placeholders().get(name).is_some_and(|placeholder| placeholder.secret);
        let secrets = name.columns().chain([device.as_str()]).filter(|name| is_secret(name));
        problems.extend(secrets.map(|name| {
            format!("column {name:?} is declared secret: it names no device and no file, which manifest and names would tell")
        }));
        let told = template.secrets_in_names().into_iter().take(MOST_PROBLEMS);
        problems.extend(
            told.map(|path| format!("{path} has a placeholder that is declared secret: the manifest would tell it")),
        );
        let named = name.columns().chain(options.encrypt_to.as_deref()).chain([device.as_str()]);
        let missing = named.filter(|name| !is_there(name)).map(|name| format!("there is no column {name:?}"));
        problems.extend(missing);
        if !problems.is_empty() {
            problems.dedup();
            return Err(unfit(template, table, options, &problems.join("; ")));
        }
        let mut columns: Vec<String> = Vec::new();
        let mut place = |name: &str| {
            columns.iter().position(|known| known == name).unwrap_or_else(|| {
                columns.push(name.to_owned());
                columns.len() - 1
            })
        };
        let placeholders = template.placeholders().keys().filter(|name| is_there(name));
        let placeholders: Vec<(String, usize)> = placeholders.map(|name| (name.clone(), place(name))).collect();
        for column in name.columns() {
            place(column);
        }
        let (device, recipient) = (place(&device), options.encrypt_to.as_deref().map(&mut place));
        // Those without a name may be many, and are told as one.
        let mut known = HashSet::new();
        let unused = table.columns().iter().filter(|column| !columns.contains(column) && known.insert(*column));
        let unused = unused.cloned().collect();
        table.want(&columns);
        table.watch(template.placeholders().keys());
        Ok(Self { columns, placeholders, device, name, recipient, unused, defaulted })
    }

    /// The name of the device's column.
    pub fn device_column(&self) -> &str {
        &self.columns[self.device]
    }

    /// The device that a row is for.
    pub fn device<'a>(&self, cells: &'a Cells) -> Result<&'a str, CellProblem> {
        match cells.get(self.device).filter(|device| !device.is_empty()) {
            Some(device) if device.len() <= LONGEST_DEVICE => Ok(device),
            Some(_) => {
                Err(CellProblem::of_cell(self.device_column(), format!("is longer than {LONGEST_DEVICE} bytes")))
            }
            None => Err(CellProblem::of_cell(self.device_column(), "is empty: it names the device")),
        }
    }

    /// The name of a row's file.
    pub fn file(&self, cells: &Cells) -> Result<String, CellProblem> {
        let cell = |name: &str| cells.get(self.columns.iter().position(|column| column == name)?);
        self.name.name(cell).map_err(CellProblem::of_row)
    }

    /// The text of the certificate to encrypt for, where one is asked for.
    pub fn recipient<'a>(&self, cells: &'a Cells) -> Option<Result<&'a str, CellProblem>> {
        let place = self.recipient?;
        let empty = || CellProblem::of_cell(&self.columns[place], "is empty: it holds the certificate to encrypt for");
        Some(cells.get(place).ok_or_else(empty))
    }

    /// The name of the certificate's column.
    pub fn recipient_column(&self) -> Option<&str> {
        self.recipient.map(|place| self.columns[place].as_str())
    }

    /// A row's cells by placeholder.
    pub fn values(&self, cells: &Cells) -> Values {
        let given = |(name, place): &(String, usize)| Some((name.clone(), cells.get(*place)?.to_owned()));
        self.placeholders.iter().filter_map(given).collect()
    }

    /// A row's cells in the order of the placeholders' names.
    pub fn row<'n, 'c>(&self, names: impl Iterator<Item = &'n str>, cells: &'c Cells) -> Vec<Option<&'c str>> {
        // Both are in the order of the names.
        let mut placed = self.placeholders.iter().peekable();
        let cell = |name: &str| {
            let (_, place) = placed.next_if(|(known, _)| known == name)?;
            cells.get(*place)
        };
        names.map(cell).collect()
    }

    /// Why a template could not be filled from a row, cell by cell where cells are to blame.
    pub fn blame(&self, template: &Template, cells: &Cells, error: &Error) -> Vec<CellProblem> {
        let own = |(name, placeholder): (&String, &crate::template::Placeholder)| {
            let place = self.placeholders.iter().find(|(known, _)| known == name).map(|(_, place)| *place);
            let problem = placeholder.value(name, place.and_then(|place| cells.get(place))).err()?;
            Some(match place {
                Some(_) => CellProblem::of_cell(name, problem.of_value()),
                None => CellProblem::of_row(problem.to_string()),
            })
        };
        let problems: Vec<CellProblem> = template.placeholders().iter().filter_map(own).take(MOST_PROBLEMS).collect();
        match (problems.is_empty(), error) {
            (false, _) => problems,
            (true, Error::Unwritable { .. }) => self.unwritable(template, cells, error),
            (true, _) => {
                let has_column = |name: &&str| self.placeholders.iter().any(|(known, _)| known == name);
                vec![match template.blamed(error).filter(has_column) {
                    Some(name) => CellProblem::of_cell(name, error.with_causes()),
                    None => CellProblem::of_row(error.with_causes()),
                }]
            }
        }
    }

    /// The cell with what XML cannot hold; of a secret one only where.
    fn unwritable(&self, template: &Template, cells: &Cells, error: &Error) -> Vec<CellProblem> {
        let outside = |text: &str| (1_usize..).zip(text.chars()).find(|(_, c)| !document::is_xml_char(*c));
        let found = self.placeholders.iter().find_map(|(name, place)| Some((name, outside(cells.get(*place)?)?)));
        match found {
            Some((name, (number, c))) => {
                let is_secret = template.placeholders().get(name).is_some_and(|placeholder| placeholder.secret);
                let problem = match is_secret {
                    true => format!("XML cannot hold its character {number}"),
                    false => format!("XML cannot hold the character U+{:04X}", u32::from(c)),
                };
                vec![CellProblem::of_cell(name, problem)]
            }
            None => vec![CellProblem::of_row(error.with_causes())],
        }
    }
}

impl Row {
    /// Why it is not done.
    pub(super) fn problem(&self, device: Option<&str>, problems: Vec<CellProblem>) -> RowProblem {
        RowProblem { row: self.number, line: self.line, device: device.map(str::to_owned), problems }
    }
}

fn device(template: &Template, table: &Table, options: &Options) -> Result<String> {
    let is_there = |name: &&str| table.columns().iter().any(|column| column == name);
    match &options.device {
        Some(device) => Ok(device.clone()),
        None => DEVICE_COLUMNS.iter().copied().find(is_there).map(str::to_owned).ok_or_else(|| {
            let problem = "there is neither a column \"udid\" nor \"serial\": name the one that names the device";
            unfit(template, table, options, problem)
        }),
    }
}

/// A table that does not fit, and what it has. Without a header its first row stands there: where some placeholder is
/// secret, names that nobody asks for are not told.
fn unfit(template: &Template, table: &Table, options: &Options, problem: &str) -> Error {
    let columns = table.columns();
    let has_secrets = template.placeholders().values().any(|placeholder| placeholder.secret);
    let given = [&options.device, &options.encrypt_to].into_iter().flatten().map(String::as_str);
    let named = options.name.iter().flat_map(NamePattern::columns);
    let wanted: BTreeSet<String> = template
        .placeholders()
        .keys()
        .map(String::as_str)
        .chain(DEVICE_COLUMNS)
        .chain(given)
        .chain(named)
        .map(str::to_lowercase)
        .collect();
    let shown = |(number, name): (usize, &String)| match has_secrets && !wanted.contains(&name.to_lowercase()) {
        true => format!("number {number}"),
        false => format!("{:?}", short(name.clone())),
    };
    let mut names: Vec<String> = (1..).zip(columns).take(MOST_NAMES).map(shown).collect();
    if columns.len() > MOST_NAMES {
        names.push(format!("and {} more", columns.len() - MOST_NAMES));
    }
    Error::Table { place: Place::whole(), problem: format!("{problem}; its columns are {}", names.join(", ")) }
}

const DEVICE_COLUMNS: [&str; 2] = ["udid", "serial"];
/// In bytes: names of devices are short.
const LONGEST_DEVICE: usize = 255;
const MOST_PROBLEMS: usize = 100;
const MOST_NAMES: usize = 20;
