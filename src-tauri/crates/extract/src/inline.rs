//! Runs of formatted text to Markdown that renders as the same text, with no more escapes than needed.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) strike: bool,
    pub(crate) code: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Span {
    Text {
        text: String,
        style: Style,
        link: Option<String>,
    },
    /// Markdown that stands as it is: an image, a footnote's mark.
    Raw(String),
    /// A line break within a paragraph.
    Break,
}

impl Span {
    pub(crate) fn plain(text: &str) -> Span {
        Span::Text { text: text.to_owned(), style: Style::default(), link: None }
    }
}

/// One paragraph's Markdown; `break_mark` stands for its line breaks.
pub(crate) fn markdown(spans: &[Span], break_mark: &str) -> String {
    let spans = merged(spans);
    let mut out = String::new();
    let mut link: Option<&str> = None;
    for span in &spans {
        let (text, style, target) = match span {
            Span::Text { text, style, link } => (text.as_str(), *style, link.as_deref()),
            _ => ("", Style::default(), None),
        };
        if link != target {
            close_link(&mut out, link);
            if target.is_some() {
                out.push('[');
            }
            link = target;
        }
        match span {
            Span::Text { .. } => styled(&mut out, text, style),
            Span::Raw(raw) => out.push_str(raw),
            Span::Break => {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str(break_mark);
            }
        }
    }
    close_link(&mut out, link);
    let out = out.trim();
    let out = out.strip_suffix(break_mark.trim()).unwrap_or(out);
    escape_starts(out.trim_end())
}

fn close_link(out: &mut String, link: Option<&str>) {
    let Some(target) = link else { return };
    let spaces = out.len() - out.trim_end_matches(' ').len();
    out.truncate(out.len() - spaces);
    if out.ends_with('[') && !out.ends_with("\\[") {
        out.push_str(&escape(target, false));
    }
    out.push_str("](");
    out.push_str(&destination(target));
    out.push(')');
    out.extend(std::iter::repeat_n(' ', spaces));
}

/// A link's target as Markdown takes it.
pub(crate) fn destination(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for c in target.trim().chars().take(8192) {
        match c {
            ' ' => out.push_str("%20"),
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push('/'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Neighbours of one look are one span; white space takes the look of what is before it.
fn merged(spans: &[Span]) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        if let Span::Text { text, style, link } = span {
            if text.is_empty() {
                continue;
            }
            if let Some(Span::Text { text: last, style: last_style, link: last_link }) =
                out.last_mut()
                && last_link == link
                && (last_style == style || (text.trim().is_empty() && !last_style.code))
            {
                last.push_str(text);
                continue;
            }
        }
        out.push(span.clone());
    }
    out
}

fn styled(out: &mut String, text: &str, style: Style) {
    let core = text.trim();
    let plain = Style::default();
    if core.is_empty() || style == plain {
        out.push_str(&escape(text, out.ends_with(|c: char| c.is_alphanumeric())));
        return;
    }
    let start = text.len() - text.trim_start().len();
    out.push_str(&text[..start]);
    let mut marks = String::new();
    for (on, mark) in [(style.strike, "~~"), (style.bold, "**"), (style.italic, "*")] {
        if on {
            marks.push_str(mark);
        }
    }
    out.push_str(&marks);
    if style.code {
        let fence = "`".repeat(longest_run(core, '`') + 1);
        let pad = if core.starts_with('`') || core.ends_with('`') { " " } else { "" };
        for part in [&fence, pad, core, pad, &fence] {
            out.push_str(part);
        }
    } else {
        out.push_str(&escape(core, false));
    }
    out.extend(marks.chars().rev());
    out.push_str(&text[start + core.len()..]);
}

/// Text without any formatting, for code.
pub(crate) fn plain(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text { text, .. } => text.as_str(),
            Span::Raw(_) => "",
            Span::Break => "\n",
        })
        .collect()
}

/// The text of a line of Markdown.
pub(crate) fn unescaped(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' || !chars.peek().is_some_and(char::is_ascii_punctuation) {
            out.push(c);
        }
    }
    out.replace("**", "")
}

/// Whether a link leads out of the document, and runs nothing.
pub(crate) fn is_link(target: &str) -> bool {
    let target = target.trim();
    let scheme = target.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    !target.is_empty()
        && !target.starts_with('#')
        && !matches!(scheme.as_deref(), Some("javascript" | "vbscript" | "data"))
}

/// The target of a `HYPERLINK "target" \l "anchor"` instruction, if it leads out of the document.
pub(crate) fn hyperlink(instruction: &str) -> Option<String> {
    let rest = instruction.trim().strip_prefix("HYPERLINK")?;
    let mut target = String::new();
    let mut anchor = String::new();
    let mut into_anchor = false;
    let mut parts = rest.split('"');
    while let Some(switches) = parts.next() {
        for word in switches.split_whitespace() {
            if word == "\\l" {
                into_anchor = true;
            } else if !word.starts_with('\\') && target.is_empty() && !into_anchor {
                target = word.to_owned();
            }
        }
        let Some(quoted) = parts.next() else { break };
        if into_anchor {
            anchor = quoted.to_owned();
        } else if target.is_empty() {
            target = quoted.to_owned();
        }
        into_anchor = false;
    }
    if !anchor.is_empty() && !target.is_empty() && !target.contains('#') {
        target = format!("{target}#{anchor}");
    }
    is_link(&target).then_some(target)
}

/// Plain text whose lines stay lines, and whose own Markdown stays what it is.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut lines = text.trim_end().lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line.trim_end());
        if let Some(next) = lines.peek() {
            let breaks = !line.trim().is_empty() && !next.trim().is_empty();
            out.push_str(if breaks { "\\\n" } else { "\n" });
        }
    }
    out
}

pub(crate) fn longest_run(text: &str, mark: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == mark { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Escapes what Markdown would take for a mark within a line.
pub(crate) fn escape(text: &str, after_word: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before_is_word = after_word;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let next_is_word = next.is_some_and(char::is_alphanumeric);
        let next_is_space = next.is_none_or(char::is_whitespace);
        let mark = match c {
            '\\' => next.is_some_and(|n| n.is_ascii_punctuation()),
            '`' | '[' | ']' => true,
            '*' => !next_is_space || before_is_word,
            '_' => !(before_is_word && next_is_word),
            '~' => next == Some('~'),
            '<' => next.is_some_and(|n| n.is_ascii_alphabetic() || matches!(n, '/' | '!' | '?')),
            // A word that was no tag must not become one.
            '#' => !before_is_word && next_is_word,
            _ => false,
        };
        if mark {
            out.push('\\');
        }
        match c {
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
        before_is_word = c.is_alphanumeric();
    }
    out
}

/// Escapes what would open a block at the start of the paragraph or of one of its lines.
fn escape_starts(text: &str) -> String {
    text.split('\n').map(escape_start).collect::<Vec<_>>().join("\n")
}

pub(crate) fn escape_start(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &line[digits..];
    let marker_ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    if digits > 0 && digits < 10 && rest.starts_with(['.', ')']) && marker_ends(&rest[1..]) {
        return format!("{}\\{rest}", &line[..digits]);
    }
    let hashes = line.bytes().take_while(|&b| b == b'#').count();
    let is_block = match line.chars().next() {
        Some('#') => hashes <= 6 && marker_ends(&line[hashes..]),
        Some('-' | '+') => marker_ends(&line[1..]) || line.trim_end().chars().all(|c| c == '-'),
        Some('=') => line.trim_end().chars().all(|c| c == '='),
        Some('>') => true,
        _ => false,
    };
    if is_block { format!("\\{line}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, style: Style, link: Option<&str>) -> Span {
        Span::Text { text: text.into(), style, link: link.map(str::to_owned) }
    }

    #[test]
    fn spans() {
        let plain = Style::default();
        let bold = Style { bold: true, ..plain };
        let both = Style { italic: true, ..bold };
        let code = Style { code: true, ..plain };
        let check = |spans: &[Span], expected: &str| assert_eq!(markdown(spans, "\\\n"), expected);
        check(&[], "");
        check(
            &[text("a ", plain, None), text("b ", bold, None), text("c", plain, None)],
            "a **b** c",
        );
        check(&[text("a", bold, None), text(" ", plain, None), text("b", bold, None)], "**a b**");
        check(&[text("x", both, None)], "***x***");
        check(&[text("a`b", code, None)], "``a`b``");
        check(
            &[
                text("see ", plain, None),
                text("here ", plain, Some("http://x/a b")),
                text("now", plain, None),
            ],
            "see [here](http://x/a%20b) now",
        );
        check(&[text("b", bold, Some("u")), text("c", plain, Some("u"))], "[**b**c](u)");
        check(
            &[text("a", plain, None), Span::Break, text("- b", plain, None), Span::Break],
            "a\\\n\\- b",
        );
    }

    #[test]
    fn escapes() {
        let check = |plain: &str, expected: &str| {
            assert_eq!(markdown(&[text(plain, Style::default(), None)], "\n"), expected);
        };
        check("2 * 3 * 4", "2 * 3 * 4");
        check("*bold*", "\\*bold\\*");
        check("snake_case _x_", "snake_case \\_x\\_");
        check("1. first", "1\\. first");
        check("# no heading", "\\# no heading");
        check("issue #12, c# and #tag", "issue \\#12, c# and \\#tag");
        check("a < b <b>", "a < b \\<b>");
        check("C:\\dir", "C:\\dir");
    }
}
