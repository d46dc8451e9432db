//! Rich Text Format 1.9.1, as word processors have written it since 1987. The crates for it lose
//! letters of other code pages or panic on damage, so this is a reader of our own: groups, control
//! words, and what of them changes the text.

use std::collections::{HashMap, HashSet};

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::blocks::{self, Block, Kind};
use crate::inline::{self, Span, Style};
use crate::{Attachments, Extracted, Failure, document_title, one_line, yaml};

/// Groups within groups; no program nests more.
const MAX_DEPTH: usize = 500;
/// Tables within tables, and notes within notes.
const MAX_NESTED: usize = 8;
/// A hyperlink's instruction, a style's name or a property that is longer is none.
const MAX_WORDS: usize = 8 << 10;

pub(crate) fn rtf(bytes: &[u8]) -> Result<Extracted, Failure> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    if !bytes[start..].starts_with(b"{\\rtf") {
        return Err(Failure::Damaged("it does not begin as RTF does".to_owned()));
    }
    let mut reader = Reader::default();
    reader.run(&bytes[start..]);
    Ok(reader.finish())
}

/// Where the text of a group goes.
#[derive(Clone, Copy, PartialEq)]
enum Destination {
    Text,
    Nowhere,
    Fonts,
    Styles,
    /// A list item's bullet or number.
    Marker,
    /// What a field does.
    Instruction,
    Picture,
    Property(&'static str),
}

/// What a group inherits and its end restores.
#[derive(Clone, Copy)]
struct State {
    destination: Destination,
    /// How many characters stand in for one of Unicode.
    fallback: usize,
    font: Option<i32>,
    style: Style,
    hidden: bool,
    field: Option<usize>,
    in_result: bool,
    /// The paragraph's.
    named: Option<i32>,
    outline: Option<u8>,
    in_list: bool,
    level: usize,
    in_table: bool,
    nesting: Option<usize>,
    /// Whether the group's end is the end of a note.
    ends_note: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            destination: Destination::Text,
            fallback: 1,
            font: None,
            style: Style::default(),
            hidden: false,
            field: None,
            in_result: false,
            named: None,
            outline: None,
            in_list: false,
            level: 0,
            in_table: false,
            nesting: None,
            ends_note: false,
        }
    }
}

/// A table while its cells come in.
#[derive(Default)]
struct Table {
    rows: Vec<Vec<Vec<Block>>>,
    row: Vec<Vec<Block>>,
    cell: Vec<Block>,
}

/// The body, or a note within it.
#[derive(Default)]
struct Flow {
    spans: Vec<Span>,
    blocks: Vec<Block>,
    tables: Vec<Table>,
    marker: Option<String>,
}

#[derive(Default)]
struct Field {
    instruction: String,
    link: Option<String>,
}

#[derive(Default)]
struct Reader {
    state: State,
    stack: Vec<State>,
    /// Groups opened beyond [`MAX_DEPTH`].
    deeper: usize,
    /// Bytes of text that are to be decoded together.
    pending: Vec<u8>,
    high_surrogate: Option<u16>,
    to_skip: usize,
    encoding: Option<&'static Encoding>,
    fonts: HashMap<i32, &'static Encoding>,
    symbol_fonts: HashSet<i32>,
    styles: HashMap<i32, Kind>,
    words: String,
    properties: HashMap<&'static str, String>,
    time: [i32; 5],
    fields: Vec<Field>,
    picture: Vec<u8>,
    picture_name: Option<&'static str>,
    flows: Vec<Flow>,
    flow: Flow,
    notes: Vec<String>,
    attachments: Attachments,
}

impl Reader {
    fn run(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' => self.open(),
                b'}' => self.close(),
                b'\\' => at = self.control(bytes, at),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        // What the cut end of a file leaves open.
        while !self.stack.is_empty() {
            self.deeper = 0;
            self.close();
        }
    }

    fn open(&mut self) {
        self.flush();
        self.to_skip = 0;
        if self.stack.len() < MAX_DEPTH {
            self.stack.push(self.state);
            self.state.ends_note = false;
        } else {
            self.deeper += 1;
        }
    }

    fn close(&mut self) {
        self.flush();
        self.to_skip = 0;
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let Some(outer) = self.stack.pop() else { return };
        let ended = std::mem::replace(&mut self.state, outer);
        match ended.destination {
            Destination::Styles => {
                let name = std::mem::take(&mut self.words);
                let name = name.trim().trim_end_matches(';').to_lowercase();
                let kind = kind_of_style(&name).or_else(|| ended.outline.map(Kind::Heading));
                if let (Some(id), Some(kind)) = (ended.named, kind) {
                    self.styles.insert(id, kind);
                }
            }
            Destination::Property(name) if outer.destination != ended.destination => {
                let words = std::mem::take(&mut self.words);
                if name == "created" || name == "modified" {
                    self.properties.extend(millis(self.time).map(|time| (name, time.to_string())));
                } else {
                    self.properties.insert(name, words);
                }
            }
            Destination::Instruction if outer.destination != Destination::Instruction => {
                if let Some(field) = ended.field.and_then(|field| self.fields.get_mut(field)) {
                    field.link = inline::hyperlink(&field.instruction);
                }
            }
            Destination::Picture if outer.destination != Destination::Picture => {
                let bytes = std::mem::take(&mut self.picture);
                if let Some(name) = self.picture_name.take().filter(|_| !bytes.is_empty()) {
                    let name = self.attachments.add(name, bytes);
                    self.flow.spans.push(Span::Raw(format!("![]({name})")));
                }
            }
            _ => {}
        }
        if ended.ends_note {
            self.end_note(ended);
        }
    }

    /// Reads a control word or symbol; the place after it.
    fn control(&mut self, bytes: &[u8], at: usize) -> usize {
        let Some(&first) = bytes.get(at) else { return at };
        if !first.is_ascii_alphabetic() {
            return self.symbol(first, bytes, at + 1);
        }
        let letters = bytes[at..].iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
        let word = str::from_utf8(&bytes[at..at + letters]).unwrap_or_default();
        let mut end = at + letters;
        let negative = bytes.get(end) == Some(&b'-');
        let digits_at = end + usize::from(negative);
        let rest = bytes.get(digits_at..).unwrap_or_default();
        let digits = rest.iter().take(10).take_while(|b| b.is_ascii_digit()).count();
        let mut number = None;
        if digits > 0 {
            let digits = str::from_utf8(&rest[..digits]).unwrap_or_default();
            let value = digits.parse::<i64>().unwrap_or(0) * if negative { -1 } else { 1 };
            number = i32::try_from(value).ok();
            end = digits_at + digits.len();
        }
        if bytes.get(end) == Some(&b' ') {
            end += 1;
        }
        if word == "bin" {
            let length = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            let stop = end.saturating_add(length).min(bytes.len());
            if self.state.destination == Destination::Picture {
                self.picture = bytes[end..stop].to_vec();
            }
            return stop;
        }
        self.word(word, number);
        end
    }

    fn symbol(&mut self, symbol: u8, bytes: &[u8], at: usize) -> usize {
        match symbol {
            b'\'' => {
                let hex = bytes.get(at..at + 2).and_then(|hex| str::from_utf8(hex).ok());
                match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(byte) => {
                        self.byte(byte);
                        return at + 2;
                    }
                    None => return at,
                }
            }
            b'*' => {
                // What follows may be ignored by a reader that does not know it.
                let rest = bytes.get(at..).unwrap_or_default();
                let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
                let letters = rest.iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
                let word = str::from_utf8(&rest[..letters]).unwrap_or_default();
                let known = [
                    "fldinst",
                    "shppict",
                    "shpinst",
                    "nesttableprops",
                    "annotation",
                    "footnote",
                    "listtext",
                ];
                if !known.contains(&word) {
                    self.state.destination = Destination::Nowhere;
                }
            }
            b'\\' | b'{' | b'}' => self.byte(symbol),
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("-"),
            b'\r' | b'\n' => self.paragraph(),
            _ => {}
        }
        at
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        let on = number != Some(0);
        let small = || number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if word == "u" {
            return self.unicode(number.unwrap_or(0));
        }
        self.flush();
        match word {
            // Text by name.
            "tab" => self.text("\t"),
            "emdash" => self.text("—"),
            "endash" => self.text("–"),
            "lquote" => self.text("‘"),
            "rquote" => self.text("’"),
            "ldblquote" => self.text("“"),
            "rdblquote" => self.text("”"),
            "bullet" => self.text("•"),
            "emspace" | "enspace" | "qmspace" => self.text(" "),
            "line" | "lbr" if self.shows() => self.flow.spans.push(Span::Break),
            "par" | "sect" | "page" | "column" => self.paragraph(),
            "cell" => self.cell(1),
            "row" => self.row(1),
            "nestcell" => self.cell(self.state.nesting.unwrap_or(2).max(2)),
            "nestrow" => self.row(self.state.nesting.unwrap_or(2).max(2)),
            // Looks.
            "plain" => {
                self.state.style = Style::default();
                self.state.hidden = false;
                self.state.font = None;
            }
            "b" => self.state.style.bold = on,
            "i" => self.state.style.italic = on,
            "strike" | "striked" => self.state.style.strike = on,
            "v" | "deleted" => self.state.hidden = on,
            // Paragraphs.
            "pard" => {
                let plain = State::default();
                self.state.named = plain.named;
                self.state.outline = plain.outline;
                self.state.in_list = plain.in_list;
                self.state.level = plain.level;
                self.state.in_table = plain.in_table;
                self.state.nesting = plain.nesting;
            }
            "s" => self.state.named = number,
            "outlinelevel" => {
                let level = number.and_then(|level| u8::try_from(level).ok());
                self.state.outline = level.filter(|level| *level < 9).map(|level| level + 1);
            }
            "ls" => self.state.in_list = on,
            "ilvl" => self.state.level = small().min(8),
            "intbl" => self.state.in_table = true,
            "itap" => self.state.nesting = Some(small().min(MAX_NESTED)),
            // Encodings.
            "mac" => self.encoding = Some(MACINTOSH),
            "ansicpg" => {
                let page = number.and_then(|page| u16::try_from(page).ok());
                self.encoding = page.and_then(codepage::to_encoding).or(self.encoding);
            }
            "uc" => self.state.fallback = small().min(64),
            "f" => self.state.font = number,
            "fcharset" if self.state.destination == Destination::Fonts => {
                if let Some(font) = self.state.font {
                    self.fonts.extend(charset(number).map(|encoding| (font, encoding)));
                    if number == Some(2) {
                        self.symbol_fonts.insert(font);
                    }
                }
            }
            // Destinations.
            _ if self.state.destination == Destination::Nowhere => {}
            "fonttbl" => self.state.destination = Destination::Fonts,
            "stylesheet" => self.state.destination = Destination::Styles,
            "colortbl" | "header" | "headerl" | "headerr" | "headerf" | "footer" | "footerl"
            | "footerr" | "footerf" | "nonshppict" | "nonesttables" | "xe" | "tc" | "rxe"
            | "sp" | "shprslt" | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep" | "aftnsepc"
            | "aftncn" | "objdata" | "private" | "filetbl" | "revtbl" | "comment" => {
                self.state.destination = Destination::Nowhere;
            }
            "listtext" | "pntext" => {
                self.state.destination = Destination::Marker;
                self.flow.marker = Some(String::new());
            }
            "field" => {
                self.fields.push(Field::default());
                self.state.field = Some(self.fields.len() - 1);
                self.state.in_result = false;
            }
            "fldinst" => self.state.destination = Destination::Instruction,
            "fldrslt" => self.state.in_result = true,
            "pict" => {
                self.state.destination = Destination::Picture;
                self.picture.clear();
                self.picture_name = None;
            }
            "pngblip" => self.picture_name = Some("image.png"),
            "jpegblip" => self.picture_name = Some("image.jpg"),
            "emfblip" => self.picture_name = Some("image.emf"),
            "footnote" | "annotation" if self.flows.len() < MAX_NESTED => {
                self.flows.push(std::mem::take(&mut self.flow));
                self.state.ends_note = true;
                self.state.destination = Destination::Text;
                self.state.in_table = false;
                self.state.nesting = None;
            }
            "info" => self.state.destination = Destination::Property(""),
            _ if matches!(self.state.destination, Destination::Property(_)) => {
                let name = match word {
                    "title" => "title",
                    "author" => "author",
                    "keywords" => "keywords",
                    "creatim" => "created",
                    "revtim" => "modified",
                    _ => {
                        let fields = ["yr", "mo", "dy", "hr", "min"];
                        if let Some(at) = fields.iter().position(|field| *field == word) {
                            self.time[at] = number.unwrap_or(0);
                        } else if !matches!(word, "sec" | "version" | "edmins" | "nofpages") {
                            self.state.destination = Destination::Property("");
                        }
                        return;
                    }
                };
                self.words.clear();
                self.time = [0; 5];
                self.state.destination = Destination::Property(name);
            }
            _ => {}
        }
    }

    fn shows(&self) -> bool {
        self.state.destination == Destination::Text && !self.state.hidden
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        if self.state.destination == Destination::Picture {
            // Two hexadecimal digits a byte; a zero marks that the first is in.
            if let Some(digit) = (byte as char).to_digit(16) {
                self.pending.push(digit as u8);
                if let [high, low] = self.pending[..] {
                    self.picture.push(high << 4 | low);
                    self.pending.clear();
                }
            }
        } else if self.state.destination != Destination::Nowhere {
            self.pending.push(byte);
        }
    }

    /// Decodes the bytes so far by the font's or the document's code page.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        if self.state.destination == Destination::Picture {
            return;
        }
        let font = self.state.font;
        if font.is_some_and(|font| self.symbol_fonts.contains(&font)) && !bytes.is_ascii() {
            // Signs of fonts of pictures, most often bullets.
            return self.text(&"•".repeat(bytes.len()));
        }
        let encoding = font.and_then(|font| self.fonts.get(&font).copied()).or(self.encoding);
        let (text, _) = encoding.unwrap_or(WINDOWS_1252).decode_without_bom_handling(&bytes);
        self.text(&text);
    }

    fn unicode(&mut self, number: i32) {
        self.flush();
        // Numbers above 32,767 are written as negative ones.
        let unit = u16::try_from(number & 0xffff).unwrap_or(0);
        let high = self.high_surrogate.take();
        if (0xd800..0xdc00).contains(&unit) {
            self.high_surrogate = Some(unit);
        } else {
            let units = high.into_iter().chain([unit]);
            let text: String = char::decode_utf16(units).filter_map(Result::ok).collect();
            self.text(&text);
        }
        self.to_skip = self.state.fallback;
    }

    fn text(&mut self, text: &str) {
        let text: String =
            text.chars().filter(|c| *c == '\t' || !(c.is_control() || *c == '\u{ad}')).collect();
        match self.state.destination {
            Destination::Text if !self.state.hidden => {
                let field = self.state.field.filter(|_| self.state.in_result);
                let link = field.and_then(|field| self.fields.get(field)?.link.clone());
                self.flow.spans.push(Span::Text { text, style: self.state.style, link });
            }
            Destination::Marker => {
                if let Some(marker) = self.flow.marker.as_mut().filter(|m| m.len() < 64) {
                    marker.push_str(&text);
                }
            }
            Destination::Instruction => {
                let field = self.state.field.and_then(|field| self.fields.get_mut(field));
                if let Some(field) = field.filter(|field| field.instruction.len() < MAX_WORDS) {
                    field.instruction.push_str(&text);
                }
            }
            Destination::Styles | Destination::Property(_) if self.words.len() < MAX_WORDS => {
                self.words.push_str(&text);
            }
            _ => {}
        }
    }

    /// How many tables the paragraph is in.
    fn nesting(&self) -> usize {
        self.state.nesting.unwrap_or(usize::from(self.state.in_table))
    }

    fn paragraph(&mut self) {
        if self.shows() {
            self.end_paragraph(self.nesting());
        }
    }

    fn end_paragraph(&mut self, nesting: usize) {
        let mut spans = std::mem::take(&mut self.flow.spans);
        let marker = self.flow.marker.take();
        let state = &self.state;
        let named = state.named.and_then(|id| self.styles.get(&id).cloned());
        let heading = state.outline.map(Kind::Heading).filter(|_| nesting == 0);
        let kind = match heading.or(named) {
            Some(kind) => kind,
            None if marker.is_some() || state.in_list => {
                let label = marker.as_deref().map_or(Label::Bullet, label_of);
                let number = match label {
                    Label::Bullet => 0,
                    Label::Number(number) => number,
                    Label::Letter => self.next_number(state.level),
                };
                let ordered = label != Label::Bullet;
                Kind::Item { level: state.level, list: String::new(), ordered, number }
            }
            None => Kind::Text,
        };
        let text = if matches!(kind, Kind::Heading(_) | Kind::Title) {
            for span in &mut spans {
                if let Span::Text { style, .. } = span {
                    *style = Style::default();
                }
            }
            inline::markdown(&spans, " ")
        } else {
            inline::markdown(&spans, "\\\n")
        };
        self.close_tables(nesting);
        if text.trim().is_empty() {
            return;
        }
        let block = Block { kind, text };
        while self.flow.tables.len() < nesting {
            self.flow.tables.push(Table::default());
        }
        match self.flow.tables.last_mut() {
            Some(table) => table.cell.push(block),
            None => self.flow.blocks.push(block),
        }
    }

    /// The number after that of the item before in the same list.
    fn next_number(&self, level: usize) -> usize {
        let items = self.flow.blocks.iter().rev().map_while(|block| match &block.kind {
            Kind::Item { level, ordered, number, .. } => Some((*level, *ordered, *number)),
            _ => None,
        });
        match items.take(1_000).find(|(other, ..)| *other <= level) {
            Some((other, true, number)) if other == level => number.saturating_add(1),
            _ => 1,
        }
    }

    fn cell(&mut self, nesting: usize) {
        if !self.shows() {
            return;
        }
        self.end_paragraph(nesting);
        while self.flow.tables.len() < nesting {
            self.flow.tables.push(Table::default());
        }
        if let Some(table) = self.flow.tables.last_mut() {
            let cell = std::mem::take(&mut table.cell);
            if table.row.len() < crate::sheet::MAX_COLUMNS {
                table.row.push(cell);
            } else if let Some(last) = table.row.last_mut() {
                last.extend(cell);
            }
        }
    }

    fn row(&mut self, nesting: usize) {
        self.close_tables(nesting);
        if self.flow.tables.len() == nesting
            && let Some(table) = self.flow.tables.last_mut()
        {
            table.rows.push(std::mem::take(&mut table.row));
        }
    }

    /// Ends the tables that are nested more deeply.
    fn close_tables(&mut self, nesting: usize) {
        while self.flow.tables.len() > nesting {
            let Some(mut table) = self.flow.tables.pop() else { return };
            if !table.cell.is_empty() {
                table.row.push(table.cell);
            }
            if !table.row.is_empty() {
                table.rows.push(table.row);
            }
            let out = match self.flow.tables.last_mut() {
                Some(outer) => &mut outer.cell,
                None => &mut self.flow.blocks,
            };
            blocks::table(table.rows, out);
        }
    }

    fn end_note(&mut self, ended: State) {
        let outer = std::mem::replace(&mut self.state, ended);
        self.end_paragraph(0);
        self.state = outer;
        let note = std::mem::replace(&mut self.flow, self.flows.pop().unwrap_or_default());
        let text = blocks::markdown(&note.blocks);
        if !text.trim().is_empty() {
            self.notes.push(text);
            self.flow.spans.push(Span::Raw(format!("[^{}]", self.notes.len())));
        }
    }

    fn finish(mut self) -> Extracted {
        self.flush();
        self.end_paragraph(self.nesting());
        self.close_tables(0);
        let mut blocks = self.flow.blocks;
        let mut title = None;
        if let Some(Block { kind: Kind::Title, text }) = blocks.first() {
            title = one_line(&inline::unescaped(text));
        }
        if title.is_some() {
            blocks.remove(0);
        }
        let mut body = blocks::markdown(&blocks);
        for (n, note) in self.notes.iter().enumerate() {
            let note = note.trim().replace('\n', "\n    ");
            body.push_str(&format!("\n[^{}]: {note}\n", n + 1));
        }
        let property = |name: &str| self.properties.get(name).map(String::as_str);
        let time = |name: &str| property(name).and_then(|time| time.parse().ok());
        Extracted {
            title: title.or_else(|| property("title").and_then(document_title)),
            body,
            front_matter: yaml(&[("author", property("author"))]),
            tags: property("keywords").map(crate::keywords).unwrap_or_default(),
            kind: "rtf",
            created_ms: time("created"),
            updated_ms: time("modified"),
            attachments: self.attachments.files,
            keep_original: true,
            ..Extracted::default()
        }
    }
}

/// The names of Word's own styles, which are in English in every language.
fn kind_of_style(name: &str) -> Option<Kind> {
    let level = name.strip_prefix("heading").and_then(|level| level.trim().parse::<u8>().ok());
    if let Some(level) = level {
        return (1..=9).contains(&level).then_some(Kind::Heading(level));
    }
    match name {
        "title" => Some(Kind::Title),
        "quote" | "intense quote" | "block text" | "quotations" => Some(Kind::Quote),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Label {
    Bullet,
    Number(usize),
    /// A letter or a Roman number.
    Letter,
}

fn label_of(marker: &str) -> Label {
    let label = marker.trim().trim_end_matches(['.', ')', ':']).trim_start_matches('(');
    let last = label.rsplit('.').next().unwrap_or(label);
    if let Ok(number) = last.parse() {
        return Label::Number(number);
    }
    let is_word =
        !last.is_empty() && last.len() <= 6 && last.bytes().all(|b| b.is_ascii_alphabetic());
    // A lone letter without a dot is a bullet, as `o` is.
    if is_word && marker.trim() != label { Label::Letter } else { Label::Bullet }
}

/// The code page of a font's character set.
fn charset(number: Option<i32>) -> Option<&'static Encoding> {
    let page = match number? {
        77 => return Some(MACINTOSH),
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    codepage::to_encoding(page)
}

fn millis([year, month, day, hour, minute]: [i32; 5]) -> Option<i64> {
    let small = |n: i32| i8::try_from(n).ok();
    let year = i16::try_from(year).ok()?;
    let time =
        DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, 0, 0).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Extracted {
        let head = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial Cyr;}}{\stylesheet{\s1 heading 1;}{\s2\outlinelevel1 Mine;}{\*\cs3 Emphasis;}}{\info{\title A report}{\author Ann}{\creatim\yr1970\mo1\dy1\hr0\min1}{\nofpages3}}";
        rtf(format!("{head}{body}}}").as_bytes()).expect("RTF")
    }

    #[test]
    fn texts() {
        let check = |body: &str, expected: &str| assert_eq!(read(body).body, expected, "{body}");
        check("", "");
        check(r"\pard a {\b bold} {\i it}\par b\par", "a **bold** *it*\n\nb\n");
        check(r"Gr\'fc\'dfe \u8364? \u-10179?\u-8704? \f1\'c0", "Grüße € 😀 А\n");
        check("one\r\ntwo \\{x\\}\\line y", "onetwo {x}\\\ny\n");
        check(r"\pard\s1 One\par\pard\s2 Two\par", "# One\n\n## Two\n");
        check(
            r"\pard\ls1{\listtext\'b7\tab}a\par\ilvl1{\listtext o\tab}b\par\pard{\pntext 3.\tab}c\par",
            "- a\n  - b\n3. c\n",
        );
        check(
            r#"{\field{\*\fldinst{HYPERLINK "http://x/"}}{\fldrslt{here}}} x"#,
            "[here](http://x/) x\n",
        );
        check(
            r"a{\footnote\pard b}c{\v no}{\*\unknown no{\b no}}{\header no}",
            "a[^1]c\n\n[^1]: b\n",
        );
        check(
            r"\trowd\pard\intbl a\cell b\cell\row\trowd\intbl c\cell\cell\row\pard after",
            "| a | b |\n| --- | --- |\n| c | |\n\nafter\n",
        );
        check(
            r"\pard\intbl\itap1 o\cell\pard\intbl\itap2 x\nestcell y\nestcell{\*\nesttableprops\trowd\nestrow}{\nonesttables\par}\pard\intbl\itap1\cell\row\pard z",
            "| o | x y |\n| --- | --- |\n\nz\n",
        );
        check(r"{\pict\pngblip 89 50\r\n4e47}", "![](image.png)\n".trim_end_matches("x"));
        let read = read("x");
        assert_eq!(read.title.as_deref(), Some("A report"));
        assert_eq!(
            (read.created_ms, read.front_matter.as_str()),
            (Some(60_000), "author: \"Ann\"\n")
        );
    }

    #[test]
    fn hostile_texts() {
        assert!(rtf(b"").is_err() && rtf(b"hello").is_err());
        assert!(read(&format!("{}deep", "{".repeat(200_000))).body.contains("deep"));
        assert!(read(&format!("{}x", "}".repeat(1000))).body.len() < 10);
        assert!(read(&format!("{}deep", r"{\footnote ".repeat(20_000))).body.contains("deep"));
        assert!(
            read(&format!("{}x", r"\pard\intbl\itap9999 a\nestcell ".repeat(20_000)))
                .body
                .contains('x')
        );
        assert!(read(&r"a\cell ".repeat(200_000)).body.len() < 4 << 20);
        for odd in [
            r"\bin4000000000 x",
            r"\bin-1 x",
            r"\u99999999999 x",
            r"\'",
            r"\'zz",
            "\\",
            r"\*",
            r"\ilvl-5 x\par",
            r"\uc9999\u1 x",
            "{\\pict\\pngblip\\bin3 abc}",
        ] {
            read(odd);
        }
    }
}
