//! Excel workbooks: SpreadsheetML (ECMA-376, part 1, 18). calamine would set memory aside by what
//! the file says of its own size, which one attribute can turn into an abort; this reader keeps no
//! more than the cells that it finds, and ends at the limits of [`sheet`](crate::sheet).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::package::Package;
use crate::sheet::{self, MAX_COLUMNS, Sheets};
use crate::xml::Element;
use crate::{Extracted, Failure};

pub(crate) fn xlsx(bytes: &[u8]) -> Result<Extracted, Failure> {
    let mut package = Package::open(bytes)?;
    let main = package.main_part("xl/workbook.xml")?;
    let Some(workbook) = package.xml(&main)? else {
        return Err(Failure::Damaged("it has no workbook part".to_owned()));
    };
    let relations = package.relations(&main)?;
    let part = |kind: &str| relations.values().find(|r| r.kind == kind).map(|r| r.target.as_str());
    let since_1904 = workbook.child("workbookPr").and_then(|p| p.attribute("date1904"));
    let mut book = Book {
        strings: Vec::new(),
        formats: Vec::new(),
        since_1904: since_1904.is_some_and(|on| on != "0" && on != "false"),
    };
    if let Some(text) = package.head(part("sharedStrings").unwrap_or("xl/sharedStrings.xml"))? {
        book.strings = strings(&text);
    }
    if let Some(styles) = package.xml(part("styles").unwrap_or("xl/styles.xml"))? {
        book.formats = formats(&styles);
    }
    let mut sheets = Sheets::default();
    for sheet in workbook.child("sheets").into_iter().flat_map(Element::elements) {
        let relation = sheet.attribute("id").and_then(|id| relations.get(id));
        let Some(relation) = relation.filter(|relation| relation.kind == "worksheet") else {
            continue;
        };
        if sheets.is_full() {
            break;
        }
        sheets.start(sheet.attribute("name").unwrap_or_default());
        match package.head(&relation.target)? {
            Some(text) => book.sheet(&text, &mut sheets, &mut package),
            None => package.warn("A sheet is missing from the workbook."),
        }
    }
    let properties = package.properties("xlsx")?;
    let (body, cut) = sheets.finish();
    let mut warnings = package.warnings;
    warnings.extend(cut);
    Ok(Extracted { body, warnings, ..properties })
}

/// What a number stands for.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Number,
    Percent,
    Moment,
    Duration,
}

struct Book {
    strings: Vec<String>,
    /// By the index that a cell's `s` gives.
    formats: Vec<Format>,
    since_1904: bool,
}

/// A cell while it is read.
#[derive(Default)]
struct Cell {
    kind: String,
    style: usize,
    text: String,
}

impl Book {
    /// Adds a sheet's rows; those behind a fault in the XML are lost.
    fn sheet(&self, xml: &str, sheets: &mut Sheets, package: &mut Package<'_>) {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = false;
        let mut row: Vec<String> = Vec::new();
        let mut column = 0;
        let mut cell = None;
        let mut in_text = false;
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => match start.local_name().as_ref() {
                    "row" => {
                        row.clear();
                        column = 0;
                    }
                    "c" => {
                        let at = attribute(&start, "r").and_then(|name| column_of(&name));
                        column = at.unwrap_or(column);
                        cell = Some(Cell {
                            kind: attribute(&start, "t").unwrap_or_default(),
                            style: attribute(&start, "s").and_then(|s| s.parse().ok()).unwrap_or(0),
                            text: String::new(),
                        });
                    }
                    "v" | "t" => in_text = true,
                    "rPh" | "f" => in_text = false,
                    _ => {}
                },
                Ok(Event::Empty(start)) if start.local_name().as_ref() == "c" => column += 1,
                Ok(Event::End(end)) => match end.local_name().as_ref() {
                    "v" | "t" => in_text = false,
                    "c" => {
                        let shown = cell.take().map(|cell| self.shown(cell)).unwrap_or_default();
                        if column < MAX_COLUMNS {
                            row.resize(row.len().max(column + 1), String::new());
                            row[column] = shown;
                        } else if !shown.is_empty() {
                            sheets.cut_columns();
                        }
                        column += 1;
                    }
                    "row" if !sheets.push(std::mem::take(&mut row)) => return,
                    "sheetData" => break,
                    _ => {}
                },
                Ok(Event::Eof) => break,
                Ok(event) => {
                    if let (true, Some(cell)) = (in_text, &mut cell) {
                        push_text(event, &mut cell.text);
                    }
                }
                Err(error) => {
                    package.warn(&format!("A sheet is damaged ({error}): what follows is lost."));
                    break;
                }
            }
        }
        sheets.push(row);
    }

    fn shown(&self, cell: Cell) -> String {
        let text = cell.text;
        match cell.kind.as_str() {
            "s" => {
                let string = text.trim().parse::<usize>().ok().and_then(|at| self.strings.get(at));
                string.cloned().unwrap_or_default()
            }
            "b" => sheet::truth(text.trim() == "1").to_owned(),
            "str" | "inlineStr" => unescaped(&text),
            "d" | "e" => text,
            _ => {
                let Ok(value) = text.trim().parse::<f64>() else { return text };
                match self.formats.get(cell.style) {
                    Some(Format::Percent) => format!("{}%", sheet::number(value * 100.0)),
                    Some(Format::Duration) => sheet::duration(value),
                    Some(Format::Moment) => sheet::moment(value, self.since_1904)
                        .unwrap_or_else(|| sheet::number(value)),
                    _ => sheet::number(value),
                }
            }
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let attributes = attributes.with_checks(false).take(64).flatten();
    let mut values = attributes.filter(|attribute| attribute.key.as_ref() == name);
    values.next().map(|attribute| attribute.value.as_ref().chars().take(32).collect())
}

/// The text of an event within an element of text; entities but the predefined are dropped.
fn push_text(event: Event<'_>, out: &mut String) {
    match event {
        Event::Text(text) => out.push_str(&text.xml10_content()),
        Event::CData(text) => out.push_str(&text.xml10_content()),
        Event::GeneralRef(reference) => {
            if let Ok(Some(c)) = reference.resolve_char_ref() {
                out.push(c);
            } else if let Some(text) =
                quick_xml::escape::resolve_predefined_entity(&reference.into_inner())
            {
                out.push_str(text);
            }
        }
        _ => {}
    }
}

/// The column, from 0, of a cell's name such as `AB12`.
fn column_of(name: &str) -> Option<usize> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let column = letters.fold(0, |n, b| n * 26 + usize::from(b.to_ascii_uppercase() - b'@'));
    column.checked_sub(1)
}

/// The shared strings, without the readings beside East Asian ones.
fn strings(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut out: Vec<String> = Vec::new();
    let mut text = String::new();
    let (mut in_text, mut in_reading) = (false, false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => match start.local_name().as_ref() {
                "si" => text.clear(),
                "t" => in_text = !in_reading,
                "rPh" => in_reading = true,
                _ => {}
            },
            Ok(Event::Empty(start)) if start.local_name().as_ref() == "si" => {
                out.push(String::new())
            }
            Ok(Event::End(end)) => match end.local_name().as_ref() {
                "si" => out.push(unescaped(&std::mem::take(&mut text))),
                "t" => in_text = false,
                "rPh" => in_reading = false,
                _ => {}
            },
            // What a fault cuts off is missed where it is referred to.
            Ok(Event::Eof) | Err(_) => return out,
            Ok(event) if in_text => push_text(event, &mut text),
            Ok(_) => {}
        }
    }
}

/// Characters that XML cannot hold are written as `_x000D_` (22.4.2.4).
fn unescaped(text: &str) -> String {
    if !text.contains("_x00") {
        return text.to_owned();
    }
    text.replace("_x000D_", "").replace("_x000A_", "\n").replace("_x0009_", " ")
}

/// What the cell formats make of numbers (18.8.30).
fn formats(styles: &Element) -> Vec<Format> {
    let codes: Vec<(&str, &str)> = styles
        .child("numFmts")
        .into_iter()
        .flat_map(Element::elements)
        .filter_map(|format| Some((format.attribute("numFmtId")?, format.attribute("formatCode")?)))
        .collect();
    let format = |cell: &Element| {
        let id = cell.attribute("numFmtId").unwrap_or("0");
        if let Some((_, code)) = codes.iter().find(|(known, _)| *known == id) {
            return format_of(code);
        }
        match id.parse().unwrap_or(0) {
            9 | 10 => Format::Percent,
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => Format::Moment,
            46 => Format::Duration,
            _ => Format::Number,
        }
    };
    let formats = styles.child("cellXfs").into_iter().flat_map(Element::elements);
    formats.take(1 << 16).map(format).collect()
}

/// What a format code shows of a number, by its letters outside quotes and brackets.
fn format_of(code: &str) -> Format {
    let mut chars = code.chars();
    let mut bracketed: Option<String> = None;
    while let Some(c) = chars.next() {
        match (c, &mut bracketed) {
            (']', Some(word)) => {
                if ["h", "hh", "m", "mm", "s", "ss"].contains(&word.as_str()) {
                    return Format::Duration;
                }
                bracketed = None;
            }
            (c, Some(word)) => word.extend(c.to_lowercase()),
            ('[', None) => bracketed = Some(String::new()),
            ('"', None) => while chars.next().is_some_and(|c| c != '"') {},
            ('\\' | '_' | '*', None) => drop(chars.next()),
            ('%', None) => return Format::Percent,
            ('y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S', None) => {
                return Format::Moment;
            }
            ('G', None) if code.starts_with("General") => return Format::Number,
            _ => {}
        }
    }
    Format::Number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::zip_of;

    const WORKBOOK: &str = r#"<workbook xmlns:r="r"><sheets><sheet name="A &amp; B" sheetId="1" r:id="r1"/><sheet name="Two" sheetId="2" r:id="r2"/></sheets></workbook>"#;
    const RELATIONS: &str = r#"<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/></Relationships>"#;
    const STRINGS: &str = r#"<sst uniqueCount="99999999999999"><si><t>one</t></si><si><r><t>t</t></r><r><t xml:space="preserve">wo </t></r><rPh><t>no</t></rPh></si><si/></sst>"#;
    const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="&quot;day&quot; yyyy"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="9"/></cellXfs></styleSheet>"#;

    fn book(rows: &str) -> Vec<u8> {
        zip_of(&[
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONS),
            ("xl/sharedStrings.xml", STRINGS),
            ("xl/styles.xml", STYLES),
            ("xl/worksheets/sheet1.xml", rows),
        ])
    }

    fn body(rows: &str) -> String {
        let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
        xlsx(&book(&sheet)).expect("a workbook").body
    }

    #[test]
    fn cells() {
        let check = |rows: &str, expected: &str| {
            let expected = format!("## A & B\n{expected}\n## Two\n");
            assert_eq!(body(rows), expected, "{rows}");
        };
        check("", "");
        check(
            r#"<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row><c t="str"><f>X()</f><v>a|b</v></c><c t="inlineStr"><is><t>in</t></is></c></row>"#,
            "\n| one | | two |\n| --- | --- | --- |\n| a\\|b | in | |\n",
        );
        check(
            r#"<row><c s="1"><v>45306</v></c><c s="2"><v>45306.5</v></c><c s="3"><v>0.155</v></c><c t="b"><v>1</v></c><c s="9"><v>1.50</v></c></row>"#,
            "\n| 2024-01-15 | 2024-01-15 12:00 | 15.5% | TRUE | 1.5 |\n| --- | --- | --- | --- | --- |\n",
        );
    }

    #[test]
    fn formats_of_numbers() {
        let check = |code: &str, is: Format| assert!(format_of(code) == is, "{code}");
        check("General", Format::Number);
        check("#,##0.00 \"mm\"", Format::Number);
        check("[Red]0.0;\\d0", Format::Number);
        check("[$-409]d-mmm-yy", Format::Moment);
        check("[hh]:mm", Format::Duration);
        check("0.0%", Format::Percent);
    }

    #[test]
    fn hostile_workbooks() {
        // Cells at the end of the grid, beyond it, and with names that are none.
        body(
            r#"<row><c r="XFD1048576"><v>1</v></c></row><row><c r="ZZZZZZZZZZZ1"><v>1</v></c><c r="1"><v>1</v></c></row>"#,
        );
        assert!(
            body(r#"<row><c t="s"><v>99999999999</v></c><c r="B1"><v>kept</v></c>"#)
                .contains("kept")
        );
        let wide = r#"<row><c r="IV1"><v>1</v></c></row>"#.repeat(200_000);
        assert!(body(&wide).len() < 32 << 20);
        let bomb = " ".repeat(100 << 20);
        assert_eq!(xlsx(&book(&bomb)).expect("a workbook").body, "## A & B\n\n## Two\n");
        let entities = "<!DOCTYPE x [<!ENTITY a \"ha\">]><worksheet><sheetData><row><c t=\"str\"><v>&a;.</v></c></row></sheetData></worksheet>";
        assert!(xlsx(&book(entities)).expect("a workbook").body.contains("| . |"));
    }
}
