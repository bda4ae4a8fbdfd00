use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::*;

fn table(bytes: impl AsRef<[u8]>) -> Table {
    Table::open(Cursor::new(bytes.as_ref().to_vec()), Encoding::Utf8).unwrap()
}

type Texts = Result<Vec<Option<String>>, String>;

/// Every row's line, and its cells or what is wrong.
fn rows(mut table: Table) -> Vec<(u64, Texts)> {
    let columns = table.columns().to_vec();
    table.want(&columns);
    let mut rows = Vec::new();
    while let Some(row) = table.next().unwrap() {
        let cells =
            row.cells.map(|cells| (0..columns.len()).map(|index| cells.get(index).map(str::to_owned)).collect());
        rows.push((row.line, cells.map_err(|problem| format!("{:?}: {}", problem.column, problem.problem))));
    }
    rows
}

fn texts(cells: &[&str]) -> Texts {
    Ok(cells.iter().map(|cell| (!cell.is_empty()).then(|| (*cell).to_owned())).collect())
}

fn refusal(bytes: impl AsRef<[u8]>, encoding: Encoding) -> String {
    Table::open(Cursor::new(bytes.as_ref().to_vec()), encoding).unwrap_err().to_string()
}

#[test]
fn reads_a_byte_order_mark_quotes_blank_lines_and_every_line_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["\u{feff}serial,name", "A,\"x, \"\"y\"\"\"", "", "B,", "\"C\",\"two", "lines\""].join(end);
        let name = format!("two{end}lines");
        let expected = [texts(&["A", "x, \"y\""]), texts(&["B", ""]), texts(&["C", &name])];
        let read = rows(table(text));
        assert_eq!(read.iter().map(|(_, cells)| cells.clone()).collect::<Vec<_>>(), expected, "{end:?}");
        assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 5], "{end:?}");
    }
}

#[test]
fn json_lines_take_strings_numbers_and_truth_as_they_are_written() {
    let text = "{\"serial\": \"A\\u00e9\", \"n\": 12345678901234567890123, \"b\": true}\n\n{\"n\": null, \"serial\": \"\", \"b\": 1.50}\n";
    let expected =
        [texts(&["Aé", "12345678901234567890123", "true"]), Ok(vec![Some(String::new()), None, Some("1.50".into())])];
    let read = rows(table(text));
    assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(read.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>(), expected);
}

#[test]
fn json_lines_end_with_lf_or_cr_lf_and_a_cr_alone_is_told() {
    let lines = ["{\"s\": \"A\"}", "", "{\"s\": \"B\"}", "{\"s\": \"C\"}"];
    for end in ["\n", "\r\n"] {
        let expected = [(1, texts(&["A"])), (3, texts(&["B"])), (4, texts(&["C"]))];
        assert_eq!(rows(table(lines.join(end))), expected, "{end:?}");
    }
    let told = refusal(lines.join("\r"), Encoding::Utf8);
    assert!(told.starts_with("line 1, column 1: is not a JSON object at character 13: "), "{told}");
    assert!(told.ends_with("; it has a CR alone in it, and lines end with LF or CR LF"), "{told}");
}

#[test]
fn a_line_that_is_no_object_is_told_and_the_rest_goes_on() {
    let text = "{\"s\": \"A\"}\n[1]\n{\"s\": {}}\n{\"s\": 1, \"s\": 2}\n{\"s\": \"B\"\n\"x\"\n{\"s\": \"\\ud800\"}\n{\"s\": \"C\"}";
    let read = rows(table(text));
    let problems: Vec<&str> = read.iter().filter_map(|(_, cells)| cells.as_ref().err().map(String::as_str)).collect();
    assert_eq!(read.len(), 8);
    assert_eq!(problems.len(), 6, "{problems:?}");
    assert!(problems[0].contains("is not a JSON object"), "{problems:?}");
    assert!(problems[1].contains("is an object or an array"), "{problems:?}");
    assert!(problems[2].contains("\"s\" is there twice"), "{problems:?}");
    assert_eq!(read[7].1, texts(&["C"]));
}

#[test]
fn no_content_of_a_line_that_is_no_object_is_told() {
    let read = rows(table("{\"s\": \"A\"}\n \"hunter2\"\n12345678\n[\"hunter2\"]\nhunter2\n{\"s\": hunter2}\n"));
    let problems: Vec<&str> = read.iter().filter_map(|(_, cells)| cells.as_ref().err().map(String::as_str)).collect();
    assert_eq!(problems[0], "None: is not a JSON object at character 10: it is another value");
    assert_eq!(problems.len(), 5);
    assert!(problems.iter().all(|problem| !problem.contains("hunter2") && !problem.contains("1234")), "{problems:?}");
}

#[test]
fn a_json_array_is_told_as_what_it_is() {
    let told = refusal(" \n[{\"s\": \"hunter2\"}]", Encoding::Utf8);
    assert_eq!(told, "is a JSON array, and JSON Lines are wanted: an object a line, without brackets around them");
}

#[test]
fn a_first_line_that_is_no_object_is_a_bad_row_like_any_other() {
    let large = format!("{{\"s\": \"{}\"}}", "x".repeat(LARGEST_ROW));
    let table = table(format!("{{\"s\": \n\n{large}\n[1]\n{{\"s\": \"A\", \"t\": 1}}\n{{\"s\": \"B\"}}\n"));
    assert_eq!(table.columns(), ["s", "t"]);
    let read = rows(table);
    assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
    assert!(read[0].1.as_ref().unwrap_err().contains("is not a JSON object"), "{read:?}");
    assert_eq!(read[1].1, Err("None: the row is larger than 4 MiB".into()));
    assert_eq!((read[3].1.clone(), read[4].1.clone()), (texts(&["A", "1"]), texts(&["B", ""])));
}

#[test]
fn a_file_that_begins_with_nothing_but_bad_lines_is_refused_at_the_first() {
    for text in ["{\n".repeat(3), "{\n".repeat(1_000) + "{\"s\": 1}"] {
        let told = refusal(text, Encoding::Utf8);
        assert!(told.starts_with("line 1, column 1: is not a JSON object"), "{told}");
    }
}

#[test]
fn json_lines_are_never_in_another_encoding() {
    assert_eq!(refusal("{\"s\": 1}", Encoding::ShiftJis), "is JSON Lines, which are UTF-8 and never Shift_JIS");
}

#[test]
fn a_key_over_one_kibibyte_is_that_rows_error() {
    let mut table =
        table(format!("{{\"s\": 1, \"{}\": 2}}\n{{\"s\": 2, \"{}\": 2}}\n", "k".repeat(1025), "k".repeat(1024)));
    table.want(&["s".to_owned()]);
    let row = table.next().unwrap().unwrap();
    assert!(row.cells.unwrap_err().problem.ends_with("a key is longer than 1024 bytes"));
    assert_eq!(table.next().unwrap().unwrap().cells.unwrap().get(0), Some("2"));
}

#[test]
fn names_of_columns_are_cut_where_they_are_told() {
    let name = "n".repeat(LARGEST_CELL);
    let mut table = table(format!("{name}\n{}\n", "x".repeat(LARGEST_CELL + 1)));
    table.want(&[name]);
    let problem = table.next().unwrap().unwrap().cells.unwrap_err();
    assert!(problem.column.unwrap().len() < 500);
    assert!(refusal(format!("{0},{0}\n", "n".repeat(LARGEST_CELL)), Encoding::Utf8).len() < 500);
}

#[test]
fn shift_jis_is_read_when_it_is_told() {
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode("serial,名前\nA,表示ソ\nB,\"予\"\n");
    let read = rows(Table::open(Cursor::new(bytes.to_vec()), Encoding::ShiftJis).unwrap());
    assert_eq!(read, [(2, texts(&["A", "表示ソ"])), (3, texts(&["B", "予"]))]);
    assert!(refusal(&bytes, Encoding::Utf8).contains("cell 2 of the header is not UTF-8 at byte 1; name the encoding"));
}

#[test]
fn mixed_encodings_are_told_row_by_row() {
    let mut bytes = "serial,name\nA,東京\nB,".as_bytes().to_vec();
    bytes.extend(encoding_rs::SHIFT_JIS.encode("大阪").0.iter());
    bytes.extend("\nC,名古屋\n".as_bytes());
    let read = rows(table(&bytes));
    assert_eq!((read[0].1.clone(), read[2].1.clone()), (texts(&["A", "東京"]), texts(&["C", "名古屋"])));
    assert!(read[1].1.as_ref().unwrap_err().starts_with("Some(\"name\"): is not UTF-8"), "{read:?}");
    let read = rows(Table::open(Cursor::new(b"serial\n\x81\n\xa0,\n".to_vec()), Encoding::ShiftJis).unwrap());
    assert!(read.iter().all(|(_, cells)| cells.is_err()), "{read:?}");
}

#[test]
fn a_byte_order_mark_of_another_encoding_than_is_told_is_refused() {
    let told = "begins with the byte order mark of UTF-8, and is said to be Shift_JIS";
    for text in ["\u{feff}serial,name\nA,表示ソ\n", "\u{feff}{\"serial\": \"A\"}\n", "\u{feff}"] {
        assert_eq!(refusal(text, Encoding::ShiftJis), told);
    }
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        for encoding in [Encoding::Utf8, Encoding::ShiftJis] {
            assert_eq!(refusal(mark, encoding), "is UTF-16: save it as UTF-8");
        }
    }
}

#[test]
fn utf_16_and_nothing_at_all_are_told_as_what_they_are() {
    assert_eq!(refusal(b"\xff\xfes\0e\0", Encoding::Utf8), "is UTF-16: save it as UTF-8");
    assert!(refusal("", Encoding::Utf8).starts_with("is empty"));
    assert!(refusal("\r\n\n", Encoding::Utf8).starts_with("is empty"));
    assert_eq!(
        refusal("a,b,a\n", Encoding::Utf8),
        "line 1, column 1: the header has the same name for columns 1 and 3"
    );
}

#[test]
fn a_quote_that_is_never_closed_is_told_at_the_line_where_it_opens() {
    for text in ["a,b\n1,2\n3,\"x\n5,6\n", "a,b\n1,2\n3,\"x\n5,6", "a,b\n1,2\n3,\"x\n\n", "a,b\n1,2\n3,\""] {
        let read = rows(table(text));
        assert_eq!((read.len(), read[0].1.clone(), read[1].0), (2, texts(&["1", "2"]), 3), "{text:?}");
        assert!(read[1].1.as_ref().unwrap_err().contains("a quote that is never closed"), "{text:?}");
    }
    assert_eq!(rows(table("a,b\n1,\"2\"")), [(2, texts(&["1", "2"]))]);
}

#[test]
fn text_after_a_closing_quote_is_told_with_its_column() {
    let told = |column: &str| {
        Err(format!("Some({column:?}): has something after its closing quote; a quote within quotes is doubled"))
    };
    for (row, column) in [
        ("\"x\"y\"z,1", "a"),
        ("\"x\"y,1", "a"),
        ("1,\"x\" ", "b"),
        ("1,\"\"x", "b"),
        ("\"x\"\"\"\"y\",\"x\"y", "b"),
        ("\"x\ny\"z\",1", "a"),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let read = rows(table(format!("a,b{end}{row}{end}\"\"\"x\"\"\",\"y\"{end}x\"y\",{end}\"\",\"\"")));
            let rest = [texts(&["\"x\"", "y"]), texts(&["x\"y\"", ""]), texts(&["", ""])];
            let cells: Vec<Texts> = read.into_iter().map(|(_, cells)| cells).collect();
            assert_eq!(cells, [&[told(column)][..], &rest].concat(), "{row:?}");
        }
        assert_eq!(rows(table(format!("a,b\n{row}")))[0].1, told(column), "{row:?}");
    }
    assert_eq!(
        refusal("a,\"b\"c\n", Encoding::Utf8),
        "line 1, column 1: cell 2 of the header has something after its closing quote; a quote within quotes is doubled"
    );
}

#[test]
fn rows_of_another_width_than_the_header_are_told() {
    let read = rows(table("a,b\n1\n1,2,3\n1,2\n"));
    assert_eq!(read[0].1, Err("None: the row has 1 cells, the header 2".into()));
    assert_eq!(read[1].1, Err("None: the row has 3 cells, the header 2; is a comma not in quotes?".into()));
    assert_eq!(read[2].1, texts(&["1", "2"]));
}

#[test]
fn a_million_columns_are_refused_and_little_of_them_kept() {
    let many = "x,".repeat(1_000_000);
    assert_eq!(refusal(&many, Encoding::Utf8), "line 1, column 1: the header has more than 4096 cells");
    let read = rows(table(format!("a,b\n{many}\n1,2\n")));
    assert_eq!(read[0].1, Err("None: the row has more than 4096 cells".into()));
    assert_eq!(read[1].1, texts(&["1", "2"]));
    assert_eq!(
        rows(table(format!("a\n{}", "y,".repeat(3_000_000))))[0].1,
        Err("None: the row has more than 4096 cells".into())
    );
}

#[test]
fn cells_over_one_mebibyte_and_rows_over_four_are_refused() {
    let cell = |length: usize| "x".repeat(length);
    let read = rows(table(format!("a,b\n{},1\n{},2\n", cell(LARGEST_CELL), cell(LARGEST_CELL + 1))));
    assert_eq!(read[0].1, texts(&[&cell(LARGEST_CELL), "1"]));
    assert_eq!(read[1].1, Err("Some(\"a\"): is larger than 1 MiB".into()));
    let line = format!("{{\"a\": \"{}\"}}\n{{\"a\": \"{}\"}}\n", cell(LARGEST_CELL + 1), cell(LARGEST_ROW));
    let read = rows(table(format!("{{\"a\": 1}}\n{line}{{\"a\": 2}}")));
    assert_eq!(read[1].1, Err("Some(\"a\"): is larger than 1 MiB".into()));
    assert_eq!(read[2].1, Err("None: the row is larger than 4 MiB".into()));
    assert_eq!(read[3].1, texts(&["2"]));
}

#[test]
fn a_cell_that_nobody_asks_for_has_the_same_bound_in_both_forms() {
    let read = |text: &str| {
        let mut table = table(text);
        table.want(&["a".to_owned()]);
        let cells = std::iter::from_fn(|| table.next().unwrap().map(|row| row.cells));
        cells.map(|cells| cells.map(|cells| cells.get(0).map(str::to_owned))).collect::<Vec<_>>()
    };
    let (fits, large) = ("x".repeat(LARGEST_CELL), "x".repeat(LARGEST_CELL + 1));
    let escaped = "\\u00e9".repeat(LARGEST_CELL / 2);
    let done = |text: &str| Ok(Some(text.to_owned()));
    let refused = || Err(CellProblem::of_cell("b", "is larger than 1 MiB"));
    assert_eq!(read(&format!("a,b\n1,{fits}\n2,{large}\n")), [done("1"), refused()]);
    let values = [format!("{fits:?}"), format!("{large:?}"), format!("[{large:?}]"), format!("\"{escaped}\"")];
    let lines: String = (1..).zip(values).map(|(row, value)| format!("{{\"a\":{row},\"b\":{value}}}\n")).collect();
    assert_eq!(read(&lines), [done("1"), refused(), refused(), done("4")]);
}

#[test]
fn a_row_of_exactly_four_mebibytes_is_read() {
    let (long, header) = ("x".repeat(LARGEST_CELL), "a,b,c,d,e\n");
    let fits = [(2, texts(&[&long, &long, &long, &long, ""]))];
    let large = (2, Err("None: the row is larger than 4 MiB; is a quote not closed?".to_owned()));
    for end in ["\n", "\r\n", ""] {
        for cell in [long.clone(), format!("{long:?}")] {
            let row = |last: &str| format!("{cell},{cell},{cell},{cell},{last}{end}");
            assert!(rows(table(format!("{header}{}", row("")))) == fits, "{end:?}");
            assert_eq!(rows(table(format!("{header}{}", row("x"))))[0], large, "{end:?}");
            let read = rows(table(format!("{header}{}1,2,3,4,5", row("x"))));
            assert!(end.is_empty() || read[1].1 == texts(&["1", "2", "3", "4", "5"]), "{end:?}");
        }
    }
    let object = "{\"a\":\"x\"}";
    let line = |length: usize| object.to_owned() + &" ".repeat(length - object.len()) + "\n";
    let read = rows(table(line(LARGEST_ROW) + &line(LARGEST_ROW + 1)));
    assert_eq!(read, [(1, texts(&["x"])), (2, Err("None: the row is larger than 4 MiB".into()))]);
}

/// A table with one long cell that nobody ever holds.
struct Long {
    position: u64,
}

impl Long {
    const HEAD: &[u8] = b"serial,name\nA,";
    const LENGTH: u64 = 100 << 20;
    const TAIL: &[u8] = b"\nB,short\n";
}

impl Read for Long {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (head, tail) = (Self::HEAD.len() as u64, Self::HEAD.len() as u64 + Self::LENGTH);
        let byte = |at: u64| match at {
            at if at < head => Self::HEAD.get(at as usize).copied(),
            at if at < tail => Some(b'x'),
            at => Self::TAIL.get((at - tail) as usize).copied(),
        };
        let mut count = 0;
        while count < buffer.len() {
            let Some(byte) = byte(self.position) else { break };
            buffer[count] = byte;
            (count, self.position) = (count + 1, self.position + 1);
        }
        Ok(count)
    }
}

impl Seek for Long {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        assert_eq!(to, SeekFrom::Start(0));
        self.position = 0;
        Ok(0)
    }
}

#[test]
fn a_cell_of_a_hundred_megabytes_is_passed_over() {
    let mut table = Table::open(Long { position: 0 }, Encoding::Utf8).unwrap();
    table.want(&["name".to_owned()]);
    let row = table.next().unwrap().unwrap();
    assert_eq!(row.cells.unwrap_err().problem, "the row is larger than 4 MiB; is a quote not closed?");
    assert_eq!(table.next().unwrap().unwrap().cells.unwrap().get(0), Some("short"));
    let Form::Csv(csv) = &table.form else { panic!("it is CSV") };
    assert!(csv.held() <= LARGEST_ROW);
}

#[test]
fn nul_and_formulas_are_text_like_any_other() {
    let read = rows(table("a,b\n=1+1,@SUM(A1)\nx\0y,-2\n"));
    assert_eq!(read, [(2, texts(&["=1+1", "@SUM(A1)"])), (3, texts(&["x\0y", "-2"]))]);
}

/// A file of which only the first reading succeeds.
struct Failing(Changing);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        match self.0.is_second && self.0.second.position() > 70_000 {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(read),
        }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_table_that_cannot_be_read_to_its_end_is_told_by_its_name() {
    let text: &'static str = format!("a\n{}", "x\n".repeat(100_000)).leak();
    let failing = Failing(Changing { first: Cursor::new(text), second: Cursor::new(text), is_second: false });
    let mut table = Table::open(failing, Encoding::Utf8).unwrap().named("devices.csv");
    table.want(&["a".to_owned()]);
    let told = (0..100_000).find_map(|_| table.next().err()).unwrap().with_causes();
    assert_eq!(told, "devices.csv: cannot be read: the disk is gone");
}

/// A file that grows between its two readings.
struct Changing {
    first: Cursor<&'static str>,
    second: Cursor<&'static str>,
    is_second: bool,
}

impl Read for Changing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_second { self.second.read(buffer) } else { self.first.read(buffer) }
    }
}

impl Seek for Changing {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        self.is_second = true;
        Ok(0)
    }
}

#[test]
fn a_table_that_changes_while_it_is_read_is_an_error() {
    let (first, second) = (Cursor::new("a\n1\n"), Cursor::new("a\n1\n2\n"));
    let mut table = Table::open(Changing { first, second, is_second: false }, Encoding::Utf8).unwrap();
    table.want(&["a".to_owned()]);
    assert!(table.next().unwrap().is_some());
    assert!(table.next().unwrap_err().to_string().starts_with("was changed while it was read"));
}
