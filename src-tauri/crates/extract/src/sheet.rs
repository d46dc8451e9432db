//! Spreadsheets: each sheet a heading and a Markdown table. Old Excel workbooks are read with
//! calamine, tables of text with csv; [`xlsx`](crate::xlsx) and [`odf`](crate::odf) have their own
//! readers, which end at the limits here.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Reader, Xls};
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Unit};

use crate::{Extracted, Failure, blocks, inline, text};

/// Columns of a table; what is further to the right is left out.
pub(crate) const MAX_COLUMNS: usize = 256;
/// Bytes of the tables of one document, about; longer notes can be neither shown nor edited well.
const MAX_TEXT: usize = 8 << 20;
/// Cells that calamine may set aside for an old workbook, most of them empty.
const MAX_XLS_CELLS: u64 = 8_000_000;
/// Records by which the delimiter of a text table is found.
const SAMPLE: usize = 50;

/// One sheet's rows.
#[derive(Default)]
struct Sheet {
    name: String,
    rows: Vec<Vec<String>>,
}

/// Collects sheets within the limits.
#[derive(Default)]
pub(crate) struct Sheets {
    sheets: Vec<Sheet>,
    size: usize,
    cut_columns: bool,
    full: bool,
}

impl Sheets {
    pub(crate) fn start(&mut self, name: &str) {
        self.sheets.push(Sheet { name: name.to_owned(), rows: Vec::new() });
    }

    /// Adds a row to the sheet begun last, unless it is empty. False: no more are taken.
    pub(crate) fn push(&mut self, mut row: Vec<String>) -> bool {
        self.cut_columns |= row.iter().skip(MAX_COLUMNS).any(|cell| !cell.trim().is_empty());
        row.truncate(MAX_COLUMNS);
        while row.pop_if(|cell| cell.trim().is_empty()).is_some() {}
        if row.is_empty() || self.full {
            return !self.full;
        }
        self.size += row.iter().map(|cell| cell.len() + 3).sum::<usize>();
        self.full = self.size > MAX_TEXT;
        if let (false, Some(sheet)) = (self.full, self.sheets.last_mut()) {
            sheet.rows.push(row);
        }
        !self.full
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn cut_columns(&mut self) {
        self.cut_columns = true;
    }

    /// Markdown and warnings.
    pub(crate) fn finish(mut self) -> (String, Vec<String>) {
        let mut body = String::new();
        for sheet in self.sheets {
            let name = crate::one_line(&sheet.name);
            if sheet.rows.is_empty() && name.is_none() {
                continue;
            }
            if !body.is_empty() {
                body.push('\n');
            }
            if let Some(name) = name {
                body.push_str(&format!("## {}\n", inline::escape(&name, false)));
                if !sheet.rows.is_empty() {
                    body.push('\n');
                }
            }
            let columns = sheet.rows.iter().map(Vec::len).max().unwrap_or(0);
            for (n, row) in sheet.rows.iter().enumerate() {
                if body.len() > 2 * MAX_TEXT {
                    self.full = true;
                    break;
                }
                let cells = row.iter().map(|cell| escaped(cell));
                blocks::row(cells, columns, &mut body);
                if n == 0 {
                    blocks::rule(columns, &mut body);
                }
            }
        }
        let mut warnings = Vec::new();
        if self.cut_columns {
            warnings.push(format!("Columns beyond the {MAX_COLUMNS}th were left out."));
        }
        if self.full {
            warnings.push("The table is too long: rows at its end were left out.".to_owned());
        }
        (body, warnings)
    }
}

/// A cell's plain text, its lines joined by breaks.
fn escaped(cell: &str) -> String {
    let lines = cell.lines().map(|line| blocks::flat(&inline::escape(line.trim(), false)));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("<br>")
}

/// A number as a spreadsheet shows it: to fifteen digits.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    match format!("{value:.14e}").parse::<f64>() {
        Ok(rounded) if (1e-9..1e21).contains(&rounded.abs()) => rounded.to_string(),
        _ => format!("{value:e}"),
    }
}

/// A serial day number (ECMA-376, part 1, 18.17.4) as a date, a time or both.
pub(crate) fn moment(value: f64, since_1904: bool) -> Option<String> {
    if !(0.0..3_000_000.0).contains(&value) {
        return None;
    }
    let epoch = if since_1904 {
        Date::constant(1904, 1, 1)
    } else if value < 60.0 {
        // Excel has a 29th of February 1900.
        Date::constant(1899, 12, 31)
    } else {
        Date::constant(1899, 12, 30)
    };
    let seconds = SignedDuration::from_secs((value * 86_400.0).round() as i64);
    let time =
        DateTime::from_parts(epoch, jiff::civil::Time::midnight()).checked_add(seconds).ok()?;
    let time = time.round(Unit::Second).ok()?;
    let clock = if time.second() == 0 {
        time.strftime("%H:%M").to_string()
    } else {
        time.strftime("%H:%M:%S").to_string()
    };
    Some(if value < 1.0 {
        clock
    } else if time.time() == jiff::civil::Time::midnight() {
        time.date().to_string()
    } else {
        format!("{} {clock}", time.date())
    })
}

/// A length of time in days as hours, minutes and seconds.
pub(crate) fn duration(days: f64) -> String {
    let seconds = (days * 86_400.0).round() as i64;
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Excel workbooks of 97 to 2003 (MS-XLS).
pub(crate) fn xls(bytes: &[u8]) -> Result<Extracted, Failure> {
    check_xls(bytes)?;
    let damaged = |error: calamine::XlsError| match error {
        calamine::XlsError::Password => Failure::Encrypted,
        error => Failure::Damaged(error.to_string()),
    };
    // No copy of it panicked so far; that a reader of a binary format never will is much to ask.
    let read = catch_unwind(AssertUnwindSafe(|| -> Result<Sheets, calamine::XlsError> {
        let mut book = Xls::new(Cursor::new(bytes))?;
        let mut sheets = Sheets::default();
        for name in book.sheet_names() {
            let range = book.worksheet_range(&name)?;
            sheets.start(&name);
            for row in range.rows() {
                if !sheets.push(row.iter().take(MAX_COLUMNS + 1).map(shown).collect()) {
                    break;
                }
            }
        }
        Ok(sheets)
    }));
    let read = read.map_err(|_| Failure::Damaged("the Excel reader gave up on it".to_owned()))?;
    let (body, warnings) = read.map_err(damaged)?.finish();
    Ok(Extracted { body, warnings, kind: "xls", keep_original: true, ..Extracted::default() })
}

fn shown(cell: &Data) -> String {
    match cell {
        Data::Float(value) => number(*value),
        Data::DateTime(time) if time.is_duration() => duration(time.as_f64()),
        Data::DateTime(time) => {
            moment(time.as_f64(), false).unwrap_or_else(|| number(time.as_f64()))
        }
        Data::Bool(value) => truth(*value).to_owned(),
        Data::Empty => String::new(),
        other => other.to_string(),
    }
}

pub(crate) fn truth(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// Refuses a workbook whose sheets span too many cells: calamine sets all of them aside, also
/// where two cells at opposite corners are all that a sheet has.
fn check_xls(bytes: &[u8]) -> Result<(), Failure> {
    let damaged = |error: std::io::Error| Failure::Damaged(error.to_string());
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(damaged)?;
    if file.exists("/EncryptedPackage") {
        return Err(Failure::Encrypted);
    }
    let name = if file.exists("/Workbook") { "/Workbook" } else { "/Book" };
    let mut stream = Vec::new();
    file.open_stream(name)
        .and_then(|part| part.take(bytes.len() as u64).read_to_end(&mut stream))
        .map_err(damaged)?;
    let mut total = 0;
    let mut area: Option<[u64; 4]> = None;
    let size = |area: Option<[u64; 4]>| {
        area.map_or(0, |[top, bottom, left, right]| (bottom - top + 1) * (right - left + 1))
    };
    let mut rest = stream.as_slice();
    while let [a, b, c, d, data @ ..] = rest {
        let (kind, length) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        let (record, after) = data.split_at(data.len().min(usize::from(length)));
        rest = after;
        match (kind, record) {
            // The begin of a sheet.
            (0x0809, _) => {
                total += size(area);
                area = None;
            }
            // Records that place cells: the row and the column are the first in each.
            (
                0x0006 | 0x0201 | 0x0203..=0x0205 | 0x027e | 0x00bd | 0x00be | 0x00d6 | 0x00fd,
                [row_low, row_high, column_low, column_high, ..],
            ) => {
                let row = u64::from(u16::from_le_bytes([*row_low, *row_high]));
                let first = u64::from(u16::from_le_bytes([*column_low, *column_high]));
                let last = first + u64::from(length) / 2;
                let [top, bottom, left, right] = area.unwrap_or([row, row, first, last]);
                area = Some([top.min(row), bottom.max(row), left.min(first), right.max(last)]);
            }
            _ => {}
        }
        if total + size(area) > MAX_XLS_CELLS {
            return Err(Failure::TooLarge(crate::MAX_INPUT));
        }
    }
    Ok(())
}

/// Comma-separated values (RFC 4180) and their relatives, of any encoding and delimiter.
pub(crate) fn csv(bytes: &[u8], delimiter: Option<u8>) -> Result<Extracted, Failure> {
    let (text, mut warnings) = text::decode_text(bytes)?;
    // Excel's word for its own delimiter.
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let declared = match head.strip_prefix("sep=").map(str::as_bytes) {
        Some([mark]) => Some(*mark),
        _ => None,
    };
    let text = if declared.is_some() { rest } else { &text };
    let delimiter = declared.or(delimiter).unwrap_or_else(|| likely_delimiter(text));
    let mut sheets = Sheets::default();
    sheets.start("");
    for record in records(text, delimiter) {
        let record = record.map_err(|error| Failure::Damaged(error.to_string()))?;
        if !sheets.push(record.iter().map(str::to_owned).take(MAX_COLUMNS + 1).collect()) {
            break;
        }
    }
    let (body, cut) = sheets.finish();
    warnings.extend(cut);
    Ok(Extracted { body, warnings, kind: "csv", keep_original: true, ..Extracted::default() })
}

pub(crate) fn records(text: &str, delimiter: u8) -> csv::StringRecordsIntoIter<&[u8]> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter);
    builder.from_reader(text.as_bytes()).into_records()
}

/// The delimiter that splits most records into the same number of fields.
fn likely_delimiter(text: &str) -> u8 {
    let score = |delimiter: u8| {
        let widths: Vec<usize> =
            records(text, delimiter).take(SAMPLE).flatten().map(|record| record.len()).collect();
        let width = widths.first().copied().unwrap_or(0);
        let alike = widths.iter().filter(|other| **other == width).count();
        if width < 2 { 0 } else { alike * 1000 / widths.len() + width.min(100) }
    };
    let mut best = (b',', score(b','));
    for delimiter in [b';', b'\t', b'|'] {
        let score = score(delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(-0.5, "-0.5");
        check(0.1 + 0.2, "0.3");
        check(1234.5678, "1234.5678");
        check(1e-12, "1e-12");
        check(f64::NAN, "NaN");
        let check = |value: f64, expected: Option<&str>| {
            assert_eq!(moment(value, false).as_deref(), expected, "{value}");
        };
        check(45_306.0, Some("2024-01-15"));
        check(45_306.5, Some("2024-01-15 12:00"));
        check(0.25, Some("06:00"));
        check(1.0, Some("1900-01-01"));
        check(-1.0, None);
        check(f64::INFINITY, None);
        assert_eq!(moment(0.0, true).as_deref(), Some("00:00"));
        assert_eq!(moment(43_844.0, true).as_deref(), Some("2024-01-15"));
        assert_eq!(duration(1.5), "36:00:00");
    }

    #[test]
    fn tables_of_text() {
        let check = |text: &str, expected: &str| {
            assert_eq!(csv(text.as_bytes(), None).expect("a table").body, expected, "{text}");
        };
        check("", "");
        check("a,b\n1,\"x,y\"\n", "| a | b |\n| --- | --- |\n| 1 | x,y |\n");
        check("a;b\r\n1,5;2\r\n", "| a | b |\n| --- | --- |\n| 1,5 | 2 |\n");
        check("sep=|\na|b\n", "| a | b |\n| --- | --- |\n");
        check("a,b\n\n\"x\ny|z\"", "| a | b |\n| --- | --- |\n| x<br>y\\|z | |\n");
        check("a\tb\n*c*\td\n", "| a | b |\n| --- | --- |\n| \\*c\\* | d |\n");
    }

    #[test]
    fn long_and_wide_tables_are_cut() {
        let wide = vec!["x"; 1000].join(",");
        let read = csv(wide.as_bytes(), None).expect("a table");
        assert_eq!(read.warnings, ["Columns beyond the 256th were left out."]);
        let long = "a,b\n".repeat(2_000_000);
        let read = csv(long.as_bytes(), None).expect("a table");
        assert!(read.body.len() < 2 * MAX_TEXT && read.warnings.len() == 1);
        // One wide row makes each of the others wide.
        let mixed = format!("{}\n{}", vec!["x"; 256].join(","), "y\n".repeat(1_000_000));
        let read = csv(mixed.as_bytes(), Some(b',')).expect("a table");
        assert!(read.body.len() < 3 * MAX_TEXT && read.warnings.len() == 1);
    }
}
