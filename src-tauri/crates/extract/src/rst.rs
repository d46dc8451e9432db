//! reStructuredText (docutils' specification) to Markdown: sections, lists, code, tables, notes,
//! links and the usual directives. What is not known here stays as text: a document whose end is
//! missing or that uses another program's directives must not lose a word.

use std::collections::HashMap;

use crate::blocks::{self, Block, Kind};
use crate::inline::{self, Span, Style};
use crate::json::fenced;
use crate::{Extracted, Failure, date, text, yaml};

/// Blocks within blocks.
const MAX_DEPTH: usize = 24;
/// How far the end of a mark or a link may be from its start.
const MAX_SPAN: usize = 4 << 10;
const MAX_COLUMNS: usize = crate::sheet::MAX_COLUMNS;

pub(crate) fn rst(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, warnings) = text::decode_text(bytes)?;
    let text = text.replace('\t', "        ");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut reader = Reader { targets: targets(&lines), ..Reader::default() };
    let mut out = Vec::new();
    reader.blocks(&lines, Place::default(), &mut out);
    let field = |name: &str| reader.fields.get(name).map(String::as_str);
    Ok(Extracted {
        title: None,
        body: blocks::markdown(&out),
        front_matter: yaml(&[("author", field("author").or_else(|| field("authors")))]),
        tags: field("tags").or_else(|| field("keywords")).map(crate::keywords).unwrap_or_default(),
        kind: "rst",
        created_ms: field("date").and_then(date::parse),
        warnings,
        keep_original: true,
        ..Extracted::default()
    })
}

/// Where named links lead: the `.. _name: address` lines.
fn targets(lines: &[&str]) -> HashMap<String, String> {
    let target = |line: &&str| {
        let (name, address) = line.trim_start().strip_prefix(".. _")?.split_once(": ")?;
        let address = address.trim();
        (address.contains(['/', ':', '.']) && !address.ends_with('_'))
            .then(|| (key(name), address.to_owned()))
    };
    lines.iter().filter_map(target).collect()
}

fn key(name: &str) -> String {
    let name = name.trim_matches('`').to_lowercase();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Reader {
    targets: HashMap<String, String>,
    /// The characters that mark sections, outermost first, and whether there is a line above, too.
    marks: Vec<(char, bool)>,
    /// The fields at the begin of the document.
    fields: HashMap<String, String>,
}

/// Where blocks are.
#[derive(Clone, Copy, Default)]
struct Place {
    depth: usize,
    /// The list level of items found here.
    level: usize,
    quoted: bool,
}

impl Place {
    fn deeper(self) -> Place {
        Place { depth: self.depth + 1, ..self }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// How many of the lines, blank ones between included, are indented at least so far.
fn indented(lines: &[&str], least: usize) -> usize {
    let mut end = 0;
    for (n, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        if indent(line) < least {
            break;
        }
        end = n + 1;
    }
    end
}

/// Lines without the indentation that they share.
fn dedented<'l>(lines: &[&'l str]) -> Vec<&'l str> {
    let filled = lines.iter().filter(|line| !line.is_empty());
    let shared = filled.map(|line| indent(line)).min().unwrap_or(0);
    let blank = lines.iter().take_while(|line| line.is_empty()).count();
    let mut out: Vec<&str> =
        lines[blank..].iter().map(|line| line.get(shared..).unwrap_or("")).collect();
    while out.pop_if(|line| line.is_empty()).is_some() {}
    out
}

/// The character that a line of punctuation repeats.
fn rule(line: &str) -> Option<char> {
    let first = line.chars().next().filter(char::is_ascii_punctuation)?;
    line.chars().all(|c| c == first).then_some(first)
}

fn bullet(line: &str) -> Option<(&'static str, usize)> {
    let rest = line.trim_start();
    if rest.starts_with(['-', '*', '+', '•']) {
        let width = rest.chars().next().map_or(1, char::len_utf8);
        let spaces = indent(&rest[width..]);
        return (spaces > 0 || rest.len() == width).then_some(("-", width + spaces.max(1)));
    }
    None
}

/// The number and the width of an enumerator such as `1.`, `(a)` or `#.`.
fn enumerator(line: &str) -> Option<(Option<usize>, usize)> {
    let open = usize::from(line.starts_with('('));
    let word = line[open..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (label, number) = match line[open..].strip_prefix('#') {
        Some(_) => (1, None),
        None => {
            let label = &line[open..open + word];
            let roman = label.bytes().all(|b| b"ivxlcIVXLC".contains(&b)) && word <= 5;
            let number = label.parse().ok();
            if word == 0 || (number.is_none() && word > 1 && !roman) {
                return None;
            }
            (word, number)
        }
    };
    let rest = &line[open + label..];
    let closes = if open == 1 { rest.starts_with(')') } else { rest.starts_with(['.', ')']) };
    let spaces = rest.get(1..).map_or(0, indent);
    (closes && spaces > 0).then_some((number, open + label + 1 + spaces))
}

impl Reader {
    fn blocks(&mut self, lines: &[&str], place: Place, out: &mut Vec<Block>) {
        if place.depth > MAX_DEPTH {
            return self.push(&lines.join(" "), place, out);
        }
        let mut at = 0;
        let mut number = 0;
        while let Some(&line) = lines.get(at) {
            let rest = &lines[at..];
            if line.is_empty() {
                at += 1;
            } else if indent(line) > 0 {
                let length = indented(rest, 1);
                let inner = dedented(&rest[..length]);
                self.blocks(&inner, Place { quoted: true, ..place.deeper() }, out);
                at += length;
            } else if let Some(length) = self.section(rest, place, out) {
                at += length;
            } else if line.len() >= 4
                && rule(line).is_some()
                && rest.get(1).is_none_or(|l| l.is_empty())
            {
                out.push(Block { kind: Kind::Set, text: "---".to_owned() });
                at += 1;
            } else if let Some(length) = self.table(rest, out) {
                at += length;
            } else if line == ".." || line.starts_with(".. ") {
                let length = 1 + indented(&rest[1..], 1);
                self.explicit(&rest[..length], place, out);
                at += length;
            } else if let Some((name, value)) = field(line) {
                let length = 1 + indented(&rest[1..], 1);
                let more = dedented(&rest[1..length]).join(" ");
                let value = format!("{value} {more}").trim().to_owned();
                if out.iter().all(|b| matches!(b.kind, Kind::Heading(_) | Kind::Item { .. })) {
                    self.fields.entry(name.to_lowercase()).or_insert_with(|| value.clone());
                }
                let text = format!("**{}**: {}", self.markdown(name), self.markdown(&value));
                let level = place.level;
                let kind = Kind::Item { level, list: String::new(), ordered: false, number: 0 };
                out.push(Block { kind, text });
                at += length;
            } else if let Some((_, width)) = bullet(line) {
                at += self.item(rest, width, None, place, out);
            } else if let Some((label, width)) = enumerator(line)
                && rest.get(1).is_none_or(|next| {
                    next.is_empty() || indent(next) > 0 || enumerator(next).is_some()
                })
            {
                number = label.unwrap_or(number + 1);
                at += self.item(rest, width, Some(number), place, out);
            } else if line.starts_with(">>> ") {
                let length = rest.iter().take_while(|line| !line.is_empty()).count();
                push_code(&rest[..length], "python", out);
                at += length;
            } else if line == "|" || line.starts_with("| ") {
                let length = rest.iter().take_while(|l| l.starts_with('|')).count();
                let lines = rest[..length].iter().map(|line| self.markdown(line[1..].trim()));
                let text = lines.collect::<Vec<_>>().join("\\\n");
                out.push(Block { kind: Kind::Text, text });
                at += length;
            } else {
                at += self.paragraph(rest, place, out);
            }
        }
    }

    /// A section's title with the line below it, and maybe one above.
    fn section(&mut self, lines: &[&str], place: Place, out: &mut Vec<Block>) -> Option<usize> {
        let [first, second, ..] = lines else { return None };
        let width = |text: &str| text.chars().count();
        let (title, mark, length) = if let (Some(mark), Some(third)) = (rule(first), lines.get(2))
            && !second.is_empty()
            && rule(third) == Some(mark)
            && width(third) >= 2
            && rule(second).is_none()
        {
            (second.trim(), (mark, true), 3)
        } else {
            let mark = rule(second)?;
            let fits = width(second) >= width(first).min(4);
            if !fits || rule(first).is_some() || second.len() < 2 && first.len() > 1 {
                return None;
            }
            (*first, (mark, false), 2)
        };
        if place.depth > 0 {
            return None;
        }
        let level = self.marks.iter().position(|known| *known == mark).unwrap_or_else(|| {
            self.marks.push(mark);
            self.marks.len() - 1
        });
        let level = u8::try_from(level + 1).unwrap_or(6).min(6);
        out.push(Block { kind: Kind::Heading(level), text: self.markdown(title) });
        Some(length)
    }

    fn push(&self, text: &str, place: Place, out: &mut Vec<Block>) {
        let text = self.markdown(text);
        if !text.is_empty() {
            let kind = if place.quoted { Kind::Quote } else { Kind::Text };
            out.push(Block { kind, text });
        }
    }

    /// A list item with all that is indented below it; how many lines it has.
    fn item(
        &mut self,
        lines: &[&str],
        width: usize,
        number: Option<usize>,
        place: Place,
        out: &mut Vec<Block>,
    ) -> usize {
        let length = 1 + indented(&lines[1..], 1.max(width.min(2)));
        let first = lines[0].get(width..).unwrap_or("");
        let mut inner = vec![first];
        inner.extend(dedented_by(&lines[1..length], width));
        let mut blocks = Vec::new();
        let below = Place { level: place.level + 1, quoted: false, ..place.deeper() };
        self.blocks(&inner, below, &mut blocks);
        let level = place.level;
        let kind = Kind::Item {
            level,
            list: String::new(),
            ordered: number.is_some(),
            number: number.unwrap_or(0),
        };
        let mut blocks = blocks.into_iter().peekable();
        let text = blocks.next_if(|block| block.kind == Kind::Text).map(|block| block.text);
        let mut item = Block { kind, text: text.unwrap_or_default() };
        // Further paragraphs and code belong to the item.
        while let Some(more) = blocks.next_if(|b| matches!(b.kind, Kind::Text | Kind::Set)) {
            item.text.push_str("\n\n");
            item.text.push_str(&more.text);
        }
        if !item.text.is_empty() || blocks.peek().is_some() {
            out.push(item);
        }
        out.extend(blocks);
        length
    }

    /// A paragraph, or a term with its definition; `::` at its end makes code of what follows.
    fn paragraph(&mut self, lines: &[&str], place: Place, out: &mut Vec<Block>) -> usize {
        let length = lines.iter().take_while(|line| !line.is_empty()).count();
        let flat = lines[..length].iter().take_while(|line| indent(line) == 0).count().max(1);
        let mut text = lines[..flat].join("\n");
        let code_follows = text.ends_with("::");
        if code_follows {
            text.pop();
            if text == ":" || text.ends_with(" :") || text.ends_with("\n:") {
                text.pop();
            }
        }
        if flat == 1 && flat < length && !code_follows {
            let end = 1 + indented(&lines[1..], 1);
            let (term, class) = text.split_once(" : ").unwrap_or((&text, ""));
            let class = if class.is_empty() {
                String::new()
            } else {
                format!(" : {}", self.markdown(class))
            };
            out.push(Block {
                kind: Kind::Text,
                text: format!("**{}**{class}", self.markdown(term)),
            });
            self.blocks(&dedented(&lines[1..end]), place.deeper(), out);
            return end;
        }
        self.push(&text, place, out);
        if !code_follows {
            return flat;
        }
        let end = flat + indented(&lines[flat..], 1);
        push_code(&lines[flat..end], "", out);
        end
    }

    /// What begins with two dots: directives, notes, targets, comments.
    fn explicit(&mut self, lines: &[&str], place: Place, out: &mut Vec<Block>) {
        let head = lines[0][2..].trim();
        let below = dedented(&lines[1..]);
        if let Some((label, text)) = head.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let text = format!("{text} {}", below.join(" "));
            let text = format!("[^{}]: {}", label_of(label), self.markdown(&text));
            out.push(Block { kind: Kind::Set, text });
            return;
        }
        // A picture may stand for a word that is replaced.
        let head = match head.strip_prefix('|').and_then(|rest| rest.split_once('|')) {
            Some((_, rest)) => rest.trim(),
            None => head,
        };
        let Some((name, argument)) = head.split_once("::") else { return };
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "-_:+.".contains(c)) {
            return;
        }
        let options = below.iter().take_while(|line| field(line).is_some()).count();
        let option = |name: &str| {
            let mut fields = below[..options].iter().filter_map(|line| field(line));
            fields.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let content = dedented(&below[options..]);
        let argument = argument.trim();
        match name.to_lowercase().as_str() {
            "code" | "code-block" | "sourcecode" | "parsed-literal" | "prompt" | "doctest"
            | "testcode" | "highlight" | "literal" => push_code(&content, argument, out),
            "math" => {
                let text = format!(
                    "$$\n{}\n$$",
                    [&[argument], content.as_slice()].concat().join("\n").trim()
                );
                out.push(Block { kind: Kind::Set, text });
            }
            "image" | "figure" => {
                let alt = inline::escape(option("alt").unwrap_or_default(), false);
                let text = format!("![{alt}]({})", inline::destination(argument));
                out.push(Block { kind: Kind::Text, text });
                self.blocks(&content, place.deeper(), out);
            }
            "raw" | "contents" | "index" | "meta" | "include" | "default-role" | "role"
            | "highlightlang" | "currentmodule" | "sectnum" | "tabularcolumns"
            | "literalinclude" | "toctree" | "autosummary" | "unicode" => {}
            "csv-table" => {
                if !argument.is_empty() {
                    self.push(argument, place, out);
                }
                let mut rows: Vec<&str> = option("header").into_iter().collect();
                rows.extend(&content);
                let text = rows.join("\n");
                let records = crate::sheet::records(&text, b',').flatten();
                let rows = records.map(|record| {
                    record.iter().take(MAX_COLUMNS).map(|cell| self.cell(cell.trim())).collect()
                });
                blocks::table(rows.collect(), out);
            }
            "list-table" => {
                if !argument.is_empty() {
                    self.push(argument, place, out);
                }
                self.list_table(&content, out);
            }
            "table" | "rubric" | "container" | "compound" | "topic" | "sidebar" | "epigraph"
            | "pull-quote" | "replace" | "centered" | "line-block" | "class" | "only" => {
                if !argument.is_empty() && name != "class" && name != "only" && name != "container"
                {
                    self.push(argument, place, out);
                }
                self.blocks(&content, place.deeper(), out);
            }
            name => {
                // Notes, warnings and the like.
                let mut title = name.replace(['-', ':', '_'], " ");
                if let Some(first) = title.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                let text = format!("**{}** {}", title.trim(), self.markdown(argument));
                out.push(Block { kind: Kind::Quote, text: text.trim().to_owned() });
                self.blocks(&content, Place { quoted: true, ..place.deeper() }, out);
            }
        }
    }

    fn cell(&self, text: &str) -> Vec<Block> {
        vec![Block { kind: Kind::Text, text: self.markdown(text) }]
    }

    /// A table written as a list of lists.
    fn list_table(&self, lines: &[&str], out: &mut Vec<Block>) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for line in lines {
            let row = line.strip_prefix("* ");
            let rest = row.unwrap_or(line).trim_start();
            if row.is_some() {
                rows.push(Vec::new());
            }
            let Some(row) = rows.last_mut() else { continue };
            match (
                rest.strip_prefix('-').filter(|c| c.is_empty() || c.starts_with(' ')),
                row.last_mut(),
            ) {
                (Some(cell), _) => row.push(cell.trim().to_owned()),
                (None, Some(cell)) if !rest.is_empty() => {
                    cell.push('\n');
                    cell.push_str(rest);
                }
                _ => {}
            }
        }
        let row = |row: Vec<String>| row.iter().take(MAX_COLUMNS).map(|c| self.cell(c)).collect();
        blocks::table(rows.into_iter().map(row).collect(), out);
    }

    /// A table drawn with lines; how many lines of text it has.
    fn table(&self, lines: &[&str], out: &mut Vec<Block>) -> Option<usize> {
        let first = lines[0];
        let is_grid = first.starts_with("+-") && first.bytes().all(|b| b"+-=".contains(&b));
        let is_simple = first.starts_with("==") && first.bytes().all(|b| b == b'=' || b == b' ');
        let (rows, length) = if is_grid {
            let length = lines.iter().take_while(|l| l.starts_with(['+', '|'])).count();
            (grid(&lines[..length]), length)
        } else if is_simple {
            // The third line of `=` ends the table, the second if there is no header.
            let is_rule =
                |line: &str| line.starts_with("==") && line.bytes().all(|b| b == b'=' || b == b' ');
            let rules: Vec<usize> =
                (0..lines.len().min(10_000)).filter(|&n| is_rule(lines[n])).take(3).collect();
            let ends = |n: usize| lines.get(n + 1).is_none_or(|line| line.is_empty());
            let end = rules.iter().skip(1).copied().find(|&n| ends(n))?;
            (simple(&lines[..end]), end + 1)
        } else {
            return None;
        };
        let row = |row: Vec<String>| row.iter().map(|cell| self.cell(cell)).collect();
        blocks::table(rows.into_iter().map(row).collect(), out);
        Some(length)
    }

    fn markdown(&self, text: &str) -> String {
        let mut spans = Vec::new();
        self.inline(text.trim(), &mut spans);
        inline::markdown(&spans, "\\\n")
    }

    /// The marks and links within a text.
    fn inline(&self, text: &str, out: &mut Vec<Span>) {
        let mut plain = String::new();
        let mut at = 0;
        let mut before = None;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            if c == '\\' {
                // What follows is no mark; a space is not even text.
                let next = rest[1..].chars().next();
                plain.extend(next.filter(|c| !c.is_whitespace()));
                at += 1 + next.map_or(0, char::len_utf8);
                before = next;
                continue;
            }
            let opens = before.is_none_or(|c: char| !c.is_alphanumeric());
            let found = match c {
                '*' | '`' | '|' | '[' | ':' if opens => self.mark(rest),
                c if opens && c.is_alphanumeric() => self.reference(rest),
                _ => None,
            };
            if let Some((length, span)) = found {
                if !plain.is_empty() {
                    out.push(Span::plain(&std::mem::take(&mut plain)));
                }
                out.push(span);
                at += length;
                before = text[..at].chars().next_back();
            } else {
                plain.push(c);
                before = Some(c);
                at += c.len_utf8();
            }
        }
        if !plain.is_empty() {
            out.push(Span::plain(&plain));
        }
    }

    fn mark(&self, text: &str) -> Option<(usize, Span)> {
        let near = &text[..text.floor_char_boundary(MAX_SPAN)];
        let between = |mark: &str| {
            let inner = near.strip_prefix(mark)?;
            let end = inner.find(mark).filter(|end| *end > 0)?;
            let inner = &inner[..end];
            let fits = !inner.starts_with(char::is_whitespace);
            fits.then_some((inner, end + 2 * mark.len()))
        };
        let styled = |(inner, length): (&str, usize), style: Style| {
            (length, Span::Text { text: inner.to_owned(), style, link: None })
        };
        let plain = Style::default();
        if near.starts_with("``") {
            return Some(styled(between("``")?, Style { code: true, ..plain }));
        }
        if near.starts_with("**") {
            return Some(styled(between("**")?, Style { bold: true, ..plain }));
        }
        match near.chars().next()? {
            '*' => Some(styled(between("*")?, Style { italic: true, ..plain })),
            '|' => Some(styled(between("|")?, plain)),
            '`' => {
                let (inner, length) = between("`")?;
                Some(self.interpreted(inner, length, &near[length..], ""))
            }
            ':' => {
                let name = near[1..].find(":`").map(|end| &near[1..=end])?;
                if name.is_empty()
                    || !name.chars().all(|c| c.is_alphanumeric() || "-_:+.".contains(c))
                {
                    return None;
                }
                let inner = &near[name.len() + 3..];
                let end = inner.find('`')?;
                let length = name.len() + 4 + end;
                Some(self.interpreted(&inner[..end], length, &near[length..], name))
            }
            '[' => {
                let (label, rest) = near[1..].split_once(']')?;
                let is_label = !label.is_empty()
                    && label.chars().all(|c| c.is_alphanumeric() || "#*-_.".contains(c));
                (is_label && rest.starts_with('_'))
                    .then(|| (label.len() + 3, Span::Raw(format!("[^{}]", label_of(label)))))
            }
            _ => None,
        }
    }

    /// Text in backquotes: a link, or something of a role.
    fn interpreted(&self, inner: &str, length: usize, after: &str, role: &str) -> (usize, Span) {
        let ends = after.bytes().take_while(|b| *b == b'_').take(2).count();
        let (words, address) = match inner
            .rsplit_once('<')
            .and_then(|(words, address)| Some((words.trim(), address.strip_suffix('>')?)))
        {
            Some((words, address)) => {
                (if words.is_empty() { address } else { words }, Some(address))
            }
            None => (inner, None),
        };
        let link = if role.is_empty() && ends > 0 {
            match address {
                Some(address) => self
                    .targets
                    .get(&key(address.trim_end_matches('_')))
                    .cloned()
                    .or_else(|| inline::is_link(address).then(|| address.to_owned())),
                None => self.targets.get(&key(inner)).cloned(),
            }
        } else {
            None
        };
        let code = matches!(
            role.rsplit(':').next().unwrap_or(role),
            "code"
                | "literal"
                | "func"
                | "class"
                | "meth"
                | "mod"
                | "attr"
                | "data"
                | "file"
                | "exc"
                | "const"
                | "option"
                | "program"
                | "command"
                | "samp"
                | "kbd"
                | "envvar"
        );
        let style = Style {
            code,
            bold: role == "strong",
            italic: matches!(role, "emphasis" | "title"),
            ..Style::default()
        };
        let text = if role == "math" { format!("${inner}$") } else { words.replace('\n', " ") };
        let text = text.trim_start_matches(if role.is_empty() { "" } else { "~" }).to_owned();
        (length + ends, Span::Text { text, style, link })
    }

    /// A word that a target makes a link, as `Python_`.
    fn reference(&self, text: &str) -> Option<(usize, Span)> {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        let word = &text[..text.find(|c| !inside(c)).unwrap_or(text.len())];
        let name = word.trim_end_matches('.').strip_suffix('_')?.trim_end_matches('_');
        let link = self.targets.get(&key(name))?.clone();
        let ends = text[name.len()..].bytes().take_while(|b| *b == b'_').count();
        let span = Span::Text { text: name.to_owned(), style: Style::default(), link: Some(link) };
        Some((name.len() + ends, span))
    }
}

/// The lines of an item without its indentation, as far as they have it.
fn dedented_by<'l>(lines: &[&'l str], width: usize) -> Vec<&'l str> {
    lines.iter().map(|line| &line[indent(line).min(width)..]).collect()
}

fn push_code(lines: &[&str], language: &str, out: &mut Vec<Block>) {
    let language = language.split_whitespace().next().unwrap_or_default();
    let text = fenced(&dedented(lines).join("\n"), language);
    if !text.is_empty() {
        out.push(Block { kind: Kind::Set, text: text.trim_end().to_owned() });
    }
}

/// `:name: value`
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let is_field = !name.is_empty()
        && !name.starts_with(' ')
        && !name.contains('`')
        && (value.is_empty() || value.starts_with(' '));
    is_field.then(|| (name, value.trim()))
}

fn label_of(label: &str) -> String {
    let plain: String = label.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
    if plain.is_empty() { "auto".to_owned() } else { plain }
}

/// The columns that a table's line of marks sets, as ranges of characters.
fn columns(line: &str, between: char) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut start = None;
    for (n, c) in line.chars().chain([between]).enumerate() {
        match (c == between, start) {
            (false, None) => start = Some(n),
            (true, Some(from)) => {
                out.push((from, n));
                start = None;
            }
            _ => {}
        }
    }
    out.truncate(MAX_COLUMNS);
    out
}

fn part(line: &[char], from: usize, to: usize) -> String {
    let to = to.min(line.len());
    line.get(from..to).unwrap_or_default().iter().collect::<String>().trim().to_owned()
}

/// The rows of a table of `+---+` lines; cells that span columns hold the text of all of them.
fn grid(lines: &[&str]) -> Vec<Vec<String>> {
    let columns = columns(lines[0], '+');
    let mut rows = Vec::new();
    let mut row = vec![String::new(); columns.len()];
    for line in &lines[1..] {
        let ends_row = line.starts_with('+') && line.bytes().all(|b| b"+-=".contains(&b));
        let chars: Vec<char> = line.chars().collect();
        if ends_row {
            rows.push(std::mem::replace(&mut row, vec![String::new(); columns.len()]));
            continue;
        }
        let mut first = 0;
        for (n, &(_, to)) in columns.iter().enumerate() {
            // A cell goes on as long as no line ends it.
            let ends = n + 1 == columns.len() || matches!(chars.get(to), Some('|' | '+') | None);
            if !ends {
                continue;
            }
            let text = part(&chars, columns[first].0, to);
            let is_line = !text.is_empty() && text.chars().all(|c| matches!(c, '-' | '=' | '+'));
            if !text.is_empty() && !is_line {
                if !row[first].is_empty() {
                    row[first].push('\n');
                }
                row[first].push_str(&text);
            }
            first = n + 1;
        }
    }
    rows.push(row);
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

/// The rows of a table of `=== ===` lines; a row without a first cell goes on with the one above.
fn simple(lines: &[&str]) -> Vec<Vec<String>> {
    let columns = columns(lines[0], ' ');
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in &lines[1..] {
        if line.bytes().all(|b| b"=- ".contains(&b)) {
            continue;
        }
        let chars: Vec<char> = line.chars().collect();
        let mut cells = Vec::new();
        for (n, &(from, _)) in columns.iter().enumerate() {
            // The last column may be wider than its line.
            let to = columns.get(n + 1).map_or(usize::MAX, |next| next.0);
            cells.push(part(&chars, from, to));
        }
        match rows.last_mut() {
            Some(above) if cells.first().is_some_and(String::is_empty) => {
                for (cell, more) in above.iter_mut().zip(cells) {
                    if !more.is_empty() {
                        cell.push('\n');
                        cell.push_str(&more);
                    }
                }
            }
            _ => rows.push(cells),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(source: &str) -> String {
        rst(source.as_bytes()).expect("text").body
    }

    #[test]
    fn documents() {
        let check = |source: &str, expected: &str| assert_eq!(body(source), expected, "{source}");
        check("", "");
        check(
            "=====\nTitle\n=====\n\nOne\n---\na\nb\n\nTwo\n---\n",
            "# Title\n\n## One\n\na b\n\n## Two\n",
        );
        check(
            "*i* **b** ``c*`` a*b 2 * 3 \\*x\\* :func:`f`",
            "*i* **b** `c*` a\\*b 2 * 3 \\*x\\* `f`\n",
        );
        check(
            "`x y <http://x/>`_ Py_ `Py`_ [1]_\n\n.. _Py: http://py/\n.. [1] note\n   more",
            "[x y](http://x/) [Py](http://py/) [Py](http://py/) [^1]\n\n[^1]: note more\n",
        );
        check("- a\n  b\n\n  - c\n- d\n\n1. x\n#. y\n", "- a b\n  - c\n- d\n1. x\n2. y\n");
        check(
            "Code::\n\n  x = 1\n    y\n\n.. code:: rust\n   :linenos:\n\n   fn x() {}\n",
            "Code:\n\n```\nx = 1\n  y\n```\n\n```rust\nfn x() {}\n```\n",
        );
        check(
            "term\n  meaning\n\n  quote\n\nend\n\n  said",
            "**term**\n\nmeaning\n\nquote\n\nend\n\n> said\n",
        );
        check(
            ".. note:: Mind *this*\n\n   and that\n\n.. image:: a.png\n   :alt: A cat\n\n.. hidden comment\n",
            "> **Note** Mind *this*\n>\n> and that\n\n![A cat](a.png)\n",
        );
        check(
            "+---+---+\n| a | b |\n+===+===+\n| c | d |\n|   | e |\n+---+---+\n",
            "| a | b |\n| --- | --- |\n| c | d e |\n",
        );
        check(
            "===  ===\na    b\n===  ===\n1    2 and\n===  ===\n",
            "| a | b |\n| --- | --- |\n| 1 | 2 and |\n",
        );
        check(
            ".. list-table::\n   :header-rows: 1\n\n   * - a\n     - b\n   * - c\n     -\n",
            "| a | b |\n| --- | --- |\n| c | |\n",
        );
        check("| a\n| b\n", "a\\\nb\n");
        let read = rst(b"T\n=\n\n:Author: Ann\n:Date: 1970-01-02\n\nx").expect("text");
        assert_eq!(
            (read.created_ms, read.front_matter.as_str()),
            (Some(86_400_000), "author: \"Ann\"\n")
        );
    }

    #[test]
    fn hostile_documents() {
        for mark in [
            "* ", "*a ", "`", "``", "[1", ":a:`", ".. x::\n", "+-+\n", "== ==\n", "a_ ", "(1) ",
            "|", "- - - ",
        ] {
            body(&mark.repeat(50_000));
        }
        let deep: String = (0..2_000).map(|n| format!("{}- x\n\n", " ".repeat(2 * n))).collect();
        assert!(body(&deep).contains('x'));
        let deep: String = (0..2_000).map(|n| format!("{}x\n", " ".repeat(n))).collect();
        assert!(body(&deep).contains('x'));
    }
}
