//! CSV (RFC 4180) with a header.

use csv_core::{ReadRecordResult, Reader};

use super::{
    CellProblem, Cells, Encoding, LARGEST_CELL, LARGEST_ROW, MOST_COLUMNS, Read, quotes::Quotes, refused,
    source::Source,
};
use crate::Result;

pub(super) struct Csv {
    encoding: Encoding,
    reader: Reader,
    lines: Lines,
    quotes: Quotes,
    record: Record,
    /// The names of the columns.
    header: Vec<String>,
    /// The place among the wanted ones for each column.
    slots: Vec<Option<usize>>,
    wanted: usize,
}

/// The bytes of one record: its fields one after the other, and where each ends.
struct Record {
    bytes: Vec<u8>,
    /// What a row is too large with: only where it is written to is the row over.
    beyond: [u8; 1],
    length: usize,
    ends: Vec<usize>,
    fields: usize,
}

/// Counts lines as records are told apart: one ends with CR, LF or both.
struct Lines {
    /// The one that is being read, from 1.
    line: u64,
    is_after_cr: bool,
}

/// How reading a record ended.
enum End {
    Whole,
    /// Larger than is kept: the rest was passed over.
    TooLarge,
    TooManyFields,
    /// The file ends within quotes.
    Unclosed,
}

impl Csv {
    /// Reads the header.
    pub(super) fn open(source: &mut Source, encoding: Encoding) -> Result<(Self, Vec<String>)> {
        let record = Record { bytes: vec![0; 4096], beyond: [0], length: 0, ends: vec![0; 64], fields: 0 };
        let mut csv = Self {
            encoding,
            reader: Reader::new(),
            lines: Lines { line: 1, is_after_cr: false },
            quotes: Quotes::default(),
            record,
            header: Vec::new(),
            slots: Vec::new(),
            wanted: 0,
        };
        let Some((line, end)) = csv.read(source)? else {
            return Err(refused(0, "is empty: CSV begins with a line that names the columns"));
        };
        if let Some(problem) = problem(&end) {
            return Err(refused(line, format!("the header {problem}")));
        }
        if let Some((cell, problem)) = csv.quotes.problem() {
            return Err(refused(line, format!("cell {} of the header {problem}", cell + 1)));
        }
        let name = |(number, field): (usize, &[u8])| {
            let refused = |problem| refused(line, format!("cell {number} of the header {problem}"));
            encoding.decode(field).map(|name| name.trim().to_owned()).map_err(refused)
        };
        csv.header = (1..).zip(csv.record.fields()).map(name).collect::<Result<Vec<String>>>()?;
        if let Some((first, second)) = double(&csv.header) {
            // Where there is no header, its names are somebody's data.
            return Err(refused(line, format!("the header has the same name for columns {first} and {second}")));
        }
        let names = csv.header.clone();
        Ok((csv, names))
    }

    pub(super) fn want(&mut self, columns: &[String], wanted: &[String]) {
        let slot = |name: &String| wanted.iter().position(|wanted| wanted == name);
        self.slots = columns.iter().map(slot).collect();
        self.wanted = wanted.len();
    }

    pub(super) fn next(&mut self, source: &mut Source) -> Result<Read> {
        let Some((line, end)) = self.read(source)? else { return Ok(None) };
        let cells = match problem(&end) {
            Some(problem) => Err(CellProblem::of_row(format!("the row {problem}"))),
            None => self.cells(),
        };
        Ok(Some((line, cells)))
    }

    /// Bytes that are kept of a record.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.record.bytes.len()
    }

    fn cells(&self) -> Result<Cells, CellProblem> {
        if let Some((cell, problem)) = self.quotes.problem() {
            return Err(match self.header.get(cell) {
                Some(name) => CellProblem::of_cell(name, problem),
                None => CellProblem::of_row(format!("cell {} {problem}", cell + 1)),
            });
        }
        if self.record.fields != self.header.len() {
            let (has, names) = (self.record.fields, self.header.len());
            let hint = if has < names { "" } else { "; is a comma not in quotes?" };
            return Err(CellProblem::of_row(format!("the row has {has} cells, the header {names}{hint}")));
        }
        let mut cells = Cells::empty(self.wanted);
        for ((field, slot), name) in self.record.fields().zip(&self.slots).zip(&self.header) {
            if field.len() > LARGEST_CELL {
                return Err(CellProblem::of_cell(name, "is larger than 1 MiB"));
            }
            let Some(slot) = slot else { continue };
            let text = self.encoding.decode(field).map_err(|problem| CellProblem::of_cell(name, problem))?;
            if !text.is_empty() {
                cells.set(*slot, &text);
            }
        }
        Ok(cells)
    }

    /// One record, and the line that it begins on; `None` at the end of the file.
    fn read(&mut self, source: &mut Source) -> Result<Option<(u64, End)>> {
        self.pass_line_ends(source)?;
        if source.peek()?.is_empty() {
            return Ok(None);
        }
        let line = self.lines.line;
        let mut end = End::Whole;
        self.record.clear();
        self.quotes = Quotes::default();
        loop {
            let input = source.peek()?;
            if input.is_empty() {
                return Ok(Some((line, self.last(end))));
            }
            let (result, taken) = self.record.read(&mut self.reader, input);
            end = self.record.bounded(end);
            self.lines.pass(&input[..taken]);
            self.quotes.pass(&input[..taken]);
            source.take(taken);
            match result {
                ReadRecordResult::Record => return Ok(Some((line, end))),
                ReadRecordResult::OutputFull => self.record.more_bytes(),
                ReadRecordResult::OutputEndsFull => end = self.record.more_fields(end),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
    }

    /// How the record ends where the file does: a line end would end it, unless it stands within quotes.
    fn last(&mut self, mut end: End) -> End {
        loop {
            let (result, _) = self.record.read(&mut self.reader, b"\n");
            end = self.record.bounded(end);
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => return end,
                ReadRecordResult::InputEmpty => return End::Unclosed,
                ReadRecordResult::OutputFull => self.record.more_bytes(),
                ReadRecordResult::OutputEndsFull => end = self.record.more_fields(end),
            }
        }
    }

    /// Before a record, so that its line is the one that its first cell stands on.
    fn pass_line_ends(&mut self, source: &mut Source) -> Result<()> {
        loop {
            let input = source.peek()?;
            let count = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if count == 0 {
                return Ok(());
            }
            self.record.clear();
            let (_, taken) = self.record.read(&mut self.reader, &input[..count]);
            self.lines.pass(&input[..taken]);
            source.take(taken);
        }
    }
}

impl Lines {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_end = *byte == b'\r' || (*byte == b'\n' && !self.is_after_cr);
            self.line += u64::from(is_end);
            self.is_after_cr = *byte == b'\r';
        }
    }
}

impl Record {
    fn clear(&mut self) {
        (self.length, self.fields) = (0, 0);
    }

    fn read(&mut self, reader: &mut Reader, input: &[u8]) -> (ReadRecordResult, usize) {
        let bytes = if self.length < LARGEST_ROW { &mut self.bytes[self.length..] } else { &mut self.beyond[..] };
        let (result, taken, written, ended) = reader.read_record(input, bytes, &mut self.ends[self.fields..]);
        self.length += written;
        self.fields += ended;
        (result, taken)
    }

    /// Passes over what was read, where it is more than is kept.
    fn bounded(&mut self, end: End) -> End {
        if self.length <= LARGEST_ROW {
            return end;
        }
        self.length = 0;
        if matches!(end, End::Whole) { End::TooLarge } else { end }
    }

    fn more_bytes(&mut self) {
        self.bytes.resize((2 * self.bytes.len()).min(LARGEST_ROW), 0);
    }

    /// Room for the ends of more fields, or of those that are passed over.
    fn more_fields(&mut self, end: End) -> End {
        if self.ends.len() < MOST_COLUMNS {
            self.ends.resize((2 * self.ends.len()).min(MOST_COLUMNS), 0);
            return end;
        }
        self.fields = 0;
        if matches!(end, End::Whole) { End::TooManyFields } else { end }
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let ends = &self.ends[..self.fields];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

fn problem(end: &End) -> Option<String> {
    match end {
        End::Whole => None,
        End::TooLarge => Some("is larger than 4 MiB; is a quote not closed?".into()),
        End::TooManyFields => Some(format!("has more than {MOST_COLUMNS} cells")),
        End::Unclosed => Some("has a quote that is never closed: everything after it was taken for one cell".into()),
    }
}

/// Two columns of one name, counted from 1; of those without a name there may be many, which nothing asks for.
fn double(names: &[String]) -> Option<(usize, usize)> {
    let mut sorted: Vec<(&String, usize)> = names.iter().zip(1..).filter(|(name, _)| !name.is_empty()).collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| (pair[0].1, pair[1].1))
}
