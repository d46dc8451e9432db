//! Org mode (the Org Syntax draft of orgmode.org) to Markdown, line by line: what is not known here
//! stays as text. (`orgize`, the crate for it, is still an alpha.)

use crate::blocks::{self, Block, Kind};
use crate::inline::{self, Span, Style};
use crate::json::fenced;
use crate::{Extracted, Failure, date, one_line, text, yaml};

/// Deeper items are set at this level: indentation would outgrow the text.
const MAX_LEVEL: usize = 16;
/// How far the end of a mark or a link may be from its start.
const MAX_SPAN: usize = 4 << 10;

pub(crate) fn org(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, warnings) = text::decode_text(bytes)?;
    let mut reader = Reader::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        reader.line(line, &mut lines);
    }
    reader.end_paragraph();
    reader.end_table();
    let created = reader
        .date
        .as_deref()
        .and_then(|date| date::parse(date.trim_start_matches(['<', '[']).get(..10)?));
    Ok(Extracted {
        title: reader.title,
        body: blocks::markdown(&reader.blocks),
        front_matter: yaml(&[("author", reader.author.as_deref())]),
        tags: reader.tags,
        kind: "org",
        created_ms: created,
        warnings,
        keep_original: true,
        ..Extracted::default()
    })
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    author: Option<String>,
    date: Option<String>,
    tags: Vec<String>,
    blocks: Vec<Block>,
    /// The paragraph or item whose lines come in.
    kind: Option<Kind>,
    paragraph: String,
    table: Vec<Vec<String>>,
    /// Columns at which the items of the list begin that the next line may be in.
    indents: Vec<usize>,
    quoted: bool,
}

impl Reader {
    fn line<'l>(&mut self, line: &'l str, rest: &mut impl Iterator<Item = &'l str>) {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if !trimmed.starts_with('|') {
            self.end_table();
        }
        if trimmed.is_empty() {
            self.end_paragraph();
        } else if let Some((level, heading)) = heading(line) {
            self.end_list();
            self.heading(level, heading);
        } else if let Some(keyword) = trimmed.strip_prefix("#+") {
            self.end_paragraph();
            self.keyword(keyword, rest);
        } else if trimmed == "#" || trimmed.starts_with("# ") {
            self.end_paragraph();
        } else if is_drawer(trimmed) {
            // Properties and logs, which Org folds away.
            let is_inside = |line: &&str| !line.trim().eq_ignore_ascii_case(":end:");
            rest.by_ref().take_while(is_inside).for_each(|_| {});
        } else if let Some(code) = fixed(trimmed) {
            self.end_paragraph();
            match self.blocks.last_mut() {
                Some(Block { kind: Kind::Code, text }) => {
                    text.push('\n');
                    text.push_str(code);
                }
                _ => self.blocks.push(Block { kind: Kind::Code, text: code.to_owned() }),
            }
        } else if let Some(cells) = trimmed.strip_prefix('|') {
            self.end_paragraph();
            if !cells.starts_with('-') {
                let cells = cells.strip_suffix('|').unwrap_or(cells).split('|');
                let cells =
                    cells.take(crate::sheet::MAX_COLUMNS).map(|cell| cell.trim().to_owned());
                self.table.push(cells.collect());
            }
        } else if trimmed.len() >= 5 && trimmed.bytes().all(|b| b == b'-') {
            self.end_list();
            self.blocks.push(Block { kind: Kind::Set, text: "---".to_owned() });
        } else if let Some(item) = item(line) {
            self.item(indent, &item);
        } else if let Some((label, note)) = footnote(line) {
            self.end_list();
            let text = format!("[^{label}]: {}", markdown(note));
            self.blocks.push(Block { kind: Kind::Set, text });
        } else {
            if indent <= self.indents.last().copied().unwrap_or(0) && self.paragraph.is_empty() {
                self.indents.retain(|at| *at < indent);
            }
            self.kind.get_or_insert(if self.quoted { Kind::Quote } else { Kind::Text });
            if !self.paragraph.is_empty() {
                self.paragraph.push('\n');
            }
            self.paragraph.push_str(trimmed);
        }
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let Some(kind) = self.kind.take() else { return };
        let (check, paragraph) = match (&kind, paragraph.get(..4)) {
            (Kind::Item { .. }, Some("[ ] " | "[-] ")) => ("[ ] ", &paragraph[4..]),
            (Kind::Item { .. }, Some("[X] " | "[x] ")) => ("[x] ", &paragraph[4..]),
            _ => ("", paragraph.as_str()),
        };
        let text = match (&kind, paragraph.split_once(" :: ")) {
            (Kind::Item { ordered: false, .. }, Some((term, meaning))) => {
                format!("**{}**: {}", markdown(term), markdown(meaning))
            }
            _ => markdown(paragraph),
        };
        if !text.is_empty() {
            self.blocks.push(Block { kind, text: format!("{check}{text}") });
        }
    }

    fn end_list(&mut self) {
        self.end_paragraph();
        self.indents.clear();
    }

    fn end_table(&mut self) {
        let rows = std::mem::take(&mut self.table);
        let cell = |cell: String| vec![Block { kind: Kind::Text, text: markdown(&cell) }];
        let rows: Vec<_> =
            rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
        if !rows.is_empty() {
            blocks::table(rows, &mut self.blocks);
        }
    }

    fn heading(&mut self, level: usize, heading: &str) {
        let mut heading = heading.trim();
        // Tags stand at the end, between colons.
        if let Some((words, last)) = heading.rsplit_once(char::is_whitespace)
            && let Some(tags) = last.strip_prefix(':').and_then(|tags| tags.strip_suffix(':'))
            && !tags.is_empty()
            && tags.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '%' | ':'))
        {
            self.add_tags(tags);
            heading = words.trim_end();
        }
        let level = u8::try_from(level.min(6)).unwrap_or(6);
        self.blocks.push(Block { kind: Kind::Heading(level), text: markdown(heading) });
    }

    fn add_tags(&mut self, tags: &str) {
        for tag in crate::keywords(&tags.replace([':', ' '], ",")) {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
    }

    fn keyword<'l>(&mut self, keyword: &str, rest: &mut impl Iterator<Item = &'l str>) {
        let (name, value) = keyword.split_once([' ', ':']).unwrap_or((keyword, ""));
        let value = value.trim_start_matches(':').trim();
        let name = name.trim_end_matches(':').to_lowercase();
        if let Some(block) = name.strip_prefix("begin_") {
            let end = format!("#+end_{block}");
            match block {
                "quote" | "verse" | "center" | "abstract" => self.quoted = block == "quote",
                _ => {
                    let is_inside = |line: &&str| !line.trim().eq_ignore_ascii_case(&end);
                    let lines: Vec<&str> = rest.by_ref().take_while(is_inside).collect();
                    let language = value.split_whitespace().next().unwrap_or_default();
                    let language = if matches!(block, "src" | "export") { language } else { "" };
                    let code = fenced(&dedented(&lines), language);
                    if block != "comment" && !code.is_empty() {
                        let text = code.trim_end().to_owned();
                        self.blocks.push(Block { kind: Kind::Set, text });
                    }
                }
            }
            return;
        }
        match name.as_str() {
            "title" => {
                let before = self.title.take().map(|title| title + " ").unwrap_or_default();
                self.title = one_line(&(before + value));
            }
            "author" => self.author = one_line(value),
            "date" => self.date = Some(value.to_owned()),
            "filetags" | "tags" => self.add_tags(value),
            "caption" | "subtitle" | "description" => {
                self.blocks.push(Block { kind: Kind::Text, text: markdown(value) });
            }
            name if name.starts_with("end_") => self.quoted = false,
            _ => {}
        }
    }

    fn item(&mut self, indent: usize, item: &Item<'_>) {
        self.end_paragraph();
        self.indents.retain(|at| *at < indent);
        let level = self.indents.len().min(MAX_LEVEL);
        self.indents.push(indent);
        let ordered = item.number.is_some();
        let number = item.number.unwrap_or(0);
        self.kind = Some(Kind::Item { level, list: String::new(), ordered, number });
        self.paragraph.push_str(item.text);
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let stars = line.bytes().take_while(|b| *b == b'*').count();
    let rest = line[stars..].strip_prefix(' ')?;
    (stars > 0).then_some((stars, rest))
}

fn is_drawer(line: &str) -> bool {
    let name = line.strip_prefix(':').and_then(|name| name.strip_suffix(':'));
    name.is_some_and(|name| {
        !name.is_empty()
            && !name.eq_ignore_ascii_case("end")
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    })
}

fn fixed(line: &str) -> Option<&str> {
    if line == ":" { Some("") } else { line.strip_prefix(": ") }
}

struct Item<'l> {
    number: Option<usize>,
    text: &'l str,
}

fn item(line: &str) -> Option<Item<'_>> {
    let trimmed = line.trim_start();
    let text = trimmed.strip_prefix("- ").or_else(|| trimmed.strip_prefix("+ "));
    let text = text.or_else(|| trimmed.strip_prefix("* ").filter(|_| trimmed.len() < line.len()));
    if let Some(text) = text {
        return Some(Item { number: None, text: text.trim() });
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let rest = trimmed[digits..].strip_prefix(['.', ')'])?.strip_prefix(' ')?;
    let number = trimmed[..digits].parse().ok()?;
    Some(Item { number: Some(number), text: rest.trim() })
}

fn footnote(line: &str) -> Option<(String, &str)> {
    let (label, text) = line.strip_prefix("[fn:")?.split_once(']')?;
    Some((label_of(label)?, text))
}

fn label_of(label: &str) -> Option<String> {
    let is_label =
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    is_label.then(|| label.to_owned())
}

/// A block's lines without the indentation that they share.
fn dedented(lines: &[&str]) -> String {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let line = |line: &&str| {
        let text = line.get(shared..).unwrap_or("");
        // A comma keeps Org from taking a line of code for its own.
        let text =
            if text.starts_with(",*") || text.starts_with(",#+") { &text[1..] } else { text };
        text.to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn markdown(text: &str) -> String {
    let mut spans = Vec::new();
    inline(text, Style::default(), &mut spans);
    inline::markdown(&spans, "\\\n")
}

/// The marks and links within a text.
fn inline(text: &str, style: Style, out: &mut Vec<Span>) {
    let mut plain = 0;
    let mut at = 0;
    let flush = |from: usize, to: usize, out: &mut Vec<Span>| {
        if from < to {
            out.push(Span::Text { text: text[from..to].to_owned(), style, link: None });
        }
    };
    while let Some(c) = text[at..].chars().next() {
        let before = text[..at].chars().next_back();
        let rest = &text[at..];
        let found = match c {
            '[' => link(rest, style),
            '*' | '/' | '_' | '+' | '=' | '~' => emphasis(rest, before, style),
            '\\' if rest.starts_with("\\\\\n") => Some((3, vec![Span::Break])),
            _ => None,
        };
        if let Some((length, spans)) = found {
            flush(plain, at, out);
            out.extend(spans);
            at += length;
            plain = at;
        } else {
            at += c.len_utf8();
        }
    }
    flush(plain, at, out);
}

/// A link, a picture or a footnote's mark at the start of a text.
fn link(text: &str, style: Style) -> Option<(usize, Vec<Span>)> {
    let near = &text[..text.floor_char_boundary(MAX_SPAN)];
    if let Some(label) = near.strip_prefix("[fn:") {
        let (label, _) = label.split_once(']')?;
        let mark = Span::Raw(format!("[^{}]", label_of(label)?));
        return Some((label.len() + 5, vec![mark]));
    }
    let end = near.find("]]")?;
    let inner = near[..end].strip_prefix("[[")?;
    let (target, words) = inner.split_once("][").unwrap_or((inner, ""));
    let target = target.strip_prefix("file:").unwrap_or(target).trim();
    let length = end + 2;
    if words.is_empty() && crate::media_type(target).starts_with("image/") {
        return Some((length, vec![Span::Raw(format!("![]({})", inline::destination(target)))]));
    }
    // Links to headings and ids lead to no place that a note has.
    let leads = inline::is_link(target)
        && !target.starts_with(['*', '#'])
        && !target.starts_with("id:")
        && (target.contains([':', '/', '.']));
    let words = if words.is_empty() { target.trim_start_matches(['*', '#']) } else { words };
    let link = leads.then(|| target.to_owned());
    Some((length, vec![Span::Text { text: words.to_owned(), style, link }]))
}

/// A marked text at the start of a text that follows `before`.
fn emphasis(text: &str, before: Option<char>, style: Style) -> Option<(usize, Vec<Span>)> {
    let opens = |c: char| c.is_whitespace() || matches!(c, '-' | '(' | '{' | '\'' | '"' | '[');
    if !before.is_none_or(opens) {
        return None;
    }
    let mark = text.chars().next()?;
    let near = &text[1..text.floor_char_boundary(MAX_SPAN)];
    if near.starts_with(char::is_whitespace) {
        return None;
    }
    let closes = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '-' | '.'
                    | ','
                    | ';'
                    | ':'
                    | '!'
                    | '?'
                    | '\''
                    | ')'
                    | '}'
                    | '['
                    | ']'
                    | '"'
                    | '\\'
                    | '/'
            )
    };
    let mut ends = near.match_indices(mark).map(|(at, _)| at).take(16);
    let end = ends.find(|&at| {
        at > 0
            && !near[..at].ends_with(char::is_whitespace)
            && near[at + 1..].chars().next().is_none_or(closes)
    })?;
    let inner = &near[..end];
    if inner.matches('\n').count() > 2 {
        return None;
    }
    let mut spans = Vec::new();
    match mark {
        '=' | '~' => {
            let style = Style { code: true, ..style };
            spans.push(Span::Text { text: inner.to_owned(), style, link: None });
        }
        '*' => inline(inner, Style { bold: true, ..style }, &mut spans),
        '/' => inline(inner, Style { italic: true, ..style }, &mut spans),
        '+' => inline(inner, Style { strike: true, ..style }, &mut spans),
        // Markdown has no underlining.
        _ => inline(inner, style, &mut spans),
    }
    Some((end + 2, spans))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(source: &str) -> String {
        org(source.as_bytes()).expect("text").body
    }

    #[test]
    fn documents() {
        let check = |source: &str, expected: &str| assert_eq!(body(source), expected, "{source}");
        check("", "");
        check("* One :a:b:\ntext\nmore\n** TODO Two\n", "# One\n\ntext more\n\n## TODO Two\n");
        check(
            "*b* /i/ _u_ +s+ =c*d= ~e~ a*b*c 2/3/4",
            "**b** *i* u ~~s~~ `c*d` `e` a\\*b\\*c 2/3/4\n",
        );
        check(
            "see [[http://x/][the *x*]], [[file:a.png]] [[*Head]]",
            "see [the \\*x\\*](http://x/), ![](a.png) Head\n",
        );
        check(
            "- a\n  more\n  - b\n- [X] c\n- t :: d\n\n1. x\n2. y",
            "- a more\n  - b\n- [x] c\n- **t**: d\n1. x\n2. y\n",
        );
        check(
            "#+BEGIN_SRC rust -n\n  fn x() {}\n  ,* y\n#+END_SRC",
            "```rust\nfn x() {}\n* y\n```\n",
        );
        check("#+begin_quote\nsaid\n#+end_quote\nby", "> said\n\nby\n");
        check(": a\n:  b\n", "```\na\n b\n```\n");
        check("| a | b |\n|---+---|\n| 1 | *2* |\n", "| a | b |\n| --- | --- |\n| 1 | **2** |\n");
        check(
            "* H\n:PROPERTIES:\n:ID: 1\n:END:\nx[fn:1]\n\n[fn:1] note\n-----\n# no",
            "# H\n\nx[^1]\n\n[^1]: note\n\n---\n",
        );
        let read =
            org(b"#+TITLE: T\n#+AUTHOR: Ann\n#+DATE: <1970-01-02 Fri>\n#+FILETAGS: :x:\n* H :y:\n")
                .expect("text");
        assert_eq!((read.title.as_deref(), read.created_ms), (Some("T"), Some(86_400_000)));
        assert_eq!(
            (read.tags.as_slice(), read.front_matter.as_str()),
            (["x".to_owned(), "y".to_owned()].as_slice(), "author: \"Ann\"\n")
        );
    }

    #[test]
    fn hostile_documents() {
        for mark in ["*a ", "/", "[[", "[fn:", "=x", "*/_+", ":a:\n", "#+begin_src\n", "|", "- "] {
            body(&mark.repeat(100_000));
        }
        let deep: String = (0..3_000).map(|n| format!("{}- x\n", " ".repeat(n))).collect();
        assert!(body(&deep).len() < 1 << 20);
        assert!(body("#+begin_src\nunfinished").contains("unfinished"));
    }
}
