use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use unicode_normalization::char::is_combining_mark;

use crate::fold::fold;

/// What the text of a note says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    pub headings: Vec<Heading>,
    pub links: Vec<Link>,
    /// `#tag` in running text (not in code or links), without `#`, in order, without doubles.
    pub tags: Vec<String>,
    pub tasks: Vec<Task>,
    pub has_image: bool,
    /// A link to somewhere outside the store, such as a web page or a mail address.
    pub has_web_link: bool,
    /// What [`plain_text`] gives of the whole body.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    pub level: u8,
    pub text: String,
    pub range: Range<usize>,
}

/// A link to another note or file: `[[Target#Heading|alias]]`, `![[embed.png]]`, `[text](other.md)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The target as written, without heading or alias, percent-decoded.
    pub target: String,
    pub heading: Option<String>,
    /// `![[…]]` or `![…](…)`.
    pub embed: bool,
    /// `true` for `[[…]]`, `false` for `[…](…)`.
    pub wiki: bool,
    /// Byte range of the whole link in the body.
    pub range: Range<usize>,
}

/// One `- [ ]` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Plain text of the line, without the due date.
    pub text: String,
    pub done: bool,
    /// `YYYY-MM-DD` from `📅 …` or `due:…`.
    pub due: Option<String>,
    /// Byte range of the box `[ ]` in the body: what ticking rewrites.
    pub marker: Range<usize>,
    /// Zero-based line of the task in the body.
    pub line: usize,
}

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM)
    .union(Options::ENABLE_WIKILINKS);

pub(crate) fn parser(body: &str) -> Parser<'_> {
    Parser::new_ext(body, OPTIONS)
}

/// Finds headings, links, tags, tasks and the plain text in one pass over a Markdown body.
pub fn analyse(body: &str) -> Analysis {
    let mut found = Analysis::default();
    let mut seen_tags = HashSet::new();
    let mut lines = LineCounter::new(body);
    // Text in code and in links holds no tags.
    let mut opaque = 0usize;
    let mut run: Option<Range<usize>> = None;
    let mut heading: Option<(Heading, PlainText)> = None;
    let mut task: Option<(Task, PlainText)> = None;
    let mut whole = PlainText::with_capacity(body.len());

    for (event, range) in parser(body).into_offset_iter() {
        // The parser cuts text at possible markup: neighbouring pieces are read as one.
        let is_text = matches!(event, Event::Text(_)) && opaque == 0;
        match &mut run {
            Some(run) if is_text && run.end == range.start => run.end = range.end,
            _ => {
                if let Some(run) = run.take() {
                    found.has_web_link |= has_web_address(&body[run.clone()]);
                    find_tags(body, run, &mut seen_tags, &mut found.tags);
                }
                run = is_text.then(|| range.clone());
            }
        }
        whole.take(&event);
        if let Some((_, text)) = &mut heading {
            text.take(&event);
        }
        match (&event, &mut task) {
            (
                Event::SoftBreak
                | Event::HardBreak
                | Event::End(TagEnd::Paragraph | TagEnd::Item)
                | Event::Start(
                    Tag::List(_)
                    | Tag::CodeBlock(_)
                    | Tag::BlockQuote(_)
                    | Tag::Table(_)
                    | Tag::HtmlBlock
                    | Tag::Heading { .. },
                ),
                Some(_),
            ) => found.tasks.extend(task.take().map(finish_task)),
            (_, Some((_, text))) => text.take(&event),
            _ => {}
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let level = level as u8;
                let new = Heading { level, text: String::new(), range };
                heading = Some((new, PlainText::default()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((mut done, text)) = heading.take() {
                    done.text = one_line(&text.finish());
                    found.headings.push(done);
                }
            }
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) => opaque += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock) => opaque -= 1,
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                opaque += 1;
                note_link(&mut found, link_type, &dest_url, false, range);
            }
            Event::Start(Tag::Image { link_type, dest_url, .. }) => {
                opaque += 1;
                note_link(&mut found, link_type, &dest_url, true, range);
            }
            Event::End(TagEnd::Link | TagEnd::Image) => opaque -= 1,
            Event::TaskListMarker(done) => {
                let line = lines.line_of(range.start);
                let new = Task { text: String::new(), done, due: None, marker: range, line };
                task = Some((new, PlainText::default()));
            }
            _ => {}
        }
    }
    if let Some(run) = run {
        found.has_web_link |= has_web_address(&body[run.clone()]);
        find_tags(body, run, &mut seen_tags, &mut found.tags);
    }
    found.tasks.extend(task.map(finish_task));
    found.text = whole.finish();
    found
}

fn note_link(
    found: &mut Analysis,
    link_type: LinkType,
    url: &str,
    embed: bool,
    range: Range<usize>,
) {
    let wiki = matches!(link_type, LinkType::WikiLink { .. });
    if !wiki && (has_scheme(url) || matches!(link_type, LinkType::Autolink | LinkType::Email)) {
        found.has_image |= embed;
        found.has_web_link |= !embed;
        return;
    }
    let (target, heading) = match url.split_once('#') {
        Some((target, heading)) => (target, Some(heading)),
        None => (url, None),
    };
    // Inside a table the bar of `[[a\|b]]` has to be escaped.
    let target = if wiki { target.trim_end_matches('\\') } else { target };
    let decode =
        |text: &str| if wiki { text.trim().to_owned() } else { percent_decode(text.trim()) };
    let target = decode(target);
    if embed && (!wiki || is_image_name(&target)) {
        found.has_image = true;
    }
    if target.is_empty() {
        return;
    }
    let heading = heading.map(decode).filter(|heading| !heading.is_empty());
    found.links.push(Link { target, heading, embed, wiki, range });
}

/// `scheme:` or `//host` as in RFC 3986; one letter is a drive, not a scheme.
fn has_scheme(url: &str) -> bool {
    if url.starts_with("//") {
        return true;
    }
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// A web address that stands in the text as it is.
fn has_web_address(text: &str) -> bool {
    text.match_indices("://").any(|(at, sign)| {
        let before = &text.as_bytes()[..at];
        let is = |scheme: &[u8]| {
            before
                .len()
                .checked_sub(scheme.len())
                .is_some_and(|from| before[from..].eq_ignore_ascii_case(scheme))
        };
        (is(b"http") || is(b"https"))
            && text[at + sign.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '[')
    })
}

fn is_image_name(name: &str) -> bool {
    const IMAGES: [&str; 12] =
        ["png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "avif", "heic", "tif", "tiff", "ico"];
    name.rsplit_once('.')
        .is_some_and(|(_, ext)| IMAGES.iter().any(|image| ext.eq_ignore_ascii_case(image)))
}

/// What is no valid escape, or gives no valid UTF-8, stays as it was written.
fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|&b| (b as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn finish_task((mut task, text): (Task, PlainText)) -> Task {
    let text = one_line(&text.finish());
    (task.text, task.due) = take_due(&text);
    task
}

/// Splits the first valid due date off a task's text.
fn take_due(text: &str) -> (String, Option<String>) {
    for (at, sign) in text.match_indices("📅").chain(text.match_indices("due:")) {
        let word_start =
            sign != "due:" || text[..at].chars().next_back().is_none_or(char::is_whitespace);
        let rest = text[at + sign.len()..].trim_start_matches('\u{fe0f}').trim_start();
        let Some(date) = rest.get(..10) else { continue };
        let ends = !rest[10..].starts_with(|c: char| c.is_alphanumeric());
        if word_start && ends && is_date(date) {
            let (before, after) = (text[..at].trim_end(), rest[10..].trim_start());
            let gap = if before.is_empty() || after.is_empty() { "" } else { " " };
            return (format!("{before}{gap}{after}"), Some(date.to_owned()));
        }
    }
    (text.to_owned(), None)
}

fn is_date(text: &str) -> bool {
    text.as_bytes().iter().enumerate().all(|(i, b)| match i {
        4 | 7 => *b == b'-',
        _ => b.is_ascii_digit(),
    }) && text.parse::<jiff::civil::Date>().is_ok()
}

pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// May stand in a tag: letters and digits of any script, `_`, `-`, `/`, and emoji.
pub(crate) fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '_' | '-' | '/' | '\u{200d}' | '\u{fe0f}')
        || matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}')
        || (!c.is_ascii() && is_combining_mark(c))
}

/// The tag at the start of `text` (what follows `#`), without slashes at its end.
pub(crate) fn leading_tag(text: &str) -> Option<&str> {
    let end = text.find(|c| !is_tag_char(c)).unwrap_or(text.len());
    let tag = text[..end].trim_end_matches('/');
    let valid = !tag.starts_with('/')
        && tag.chars().any(|c| !c.is_numeric() && !matches!(c, '/' | '\u{200d}' | '\u{fe0f}'));
    valid.then_some(tag)
}

fn find_tags(body: &str, run: Range<usize>, seen: &mut HashSet<String>, tags: &mut Vec<String>) {
    let mut at = run.start;
    while let Some(hash) = body[at..run.end].find('#').map(|found| at + found) {
        at = hash + 1;
        let opens = body[..hash].chars().next_back().is_none_or(|before| {
            before.is_whitespace()
                || matches!(
                    before,
                    '(' | '[' | '{' | '"' | '\'' | '“' | '‘' | '«' | '>' | '*' | '~' | '|'
                )
        });
        if !opens {
            continue;
        }
        if let Some(tag) = leading_tag(&body[at..run.end]) {
            at += tag.len();
            if seen.insert(fold(tag)) {
                tags.push(tag.to_owned());
            }
        }
    }
}

/// Counts lines while going forward only.
struct LineCounter<'a> {
    body: &'a str,
    at: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    fn new(body: &'a str) -> Self {
        LineCounter { body, at: 0, line: 0 }
    }

    fn line_of(&mut self, offset: usize) -> usize {
        if offset > self.at {
            self.line +=
                self.body.as_bytes()[self.at..offset].iter().filter(|&&b| b == b'\n').count();
            self.at = offset;
        }
        self.line
    }
}

/// The readable text of a Markdown body: no markup, blocks on lines of their own.
pub fn plain_text(body: &str) -> String {
    let mut text = PlainText::with_capacity(body.len());
    for event in parser(body) {
        text.take(&event);
    }
    text.finish()
}

/// The readable text of one span of a body. `range` is cut to the body and to whole characters.
pub fn plain_text_range(body: &str, range: Range<usize>) -> String {
    let end = body.floor_char_boundary(range.end);
    let start = body.floor_char_boundary(range.start).min(end);
    plain_text(&body[start..end])
}

/// Where a body has text that is read, as byte ranges in order: without markup, the addresses of links and
/// what an HTML block hides in its tags.
pub fn readable(body: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (event, range) in parser(body).into_offset_iter() {
        match event {
            Event::Text(_) | Event::Code(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                spans.push(range);
            }
            Event::Html(_) => {
                let mut at = range.start;
                for part in body[range].split_inclusive('>') {
                    let text = part.find('<').unwrap_or(part.len());
                    spans.push(at..at + text);
                    at += part.len();
                }
            }
            _ => {}
        }
    }
    spans.retain(|span| !span.is_empty());
    // Footnotes are told where they are referred to.
    spans.sort_by_key(|span| span.start);
    spans
}

/// Gathers readable text from the parser's events.
#[derive(Default)]
pub(crate) struct PlainText {
    pub(crate) text: String,
    /// In an HTML block: what a comment, script or style still hides is up to this word.
    hidden_until: Option<&'static str>,
    /// In `![[picture.png|300]]`: the target, shown if the text is only a size.
    wiki_image: Option<(String, usize)>,
    /// At the start of `[[#Heading]]`: its sign is not part of the text.
    at_own_heading: bool,
    /// Where the first line of a quote begins, which may be a callout's: `> [!tip]- Title`.
    quote: Option<usize>,
}

impl PlainText {
    fn with_capacity(bytes: usize) -> Self {
        PlainText { text: String::with_capacity(bytes), ..PlainText::default() }
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }

    pub(crate) fn end_line(&mut self) {
        while self.text.ends_with([' ', '\t']) {
            self.text.pop();
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    pub(crate) fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) if std::mem::take(&mut self.at_own_heading) => {
                self.text.push_str(text.strip_prefix('#').unwrap_or(text));
            }
            Event::Text(text) | Event::Code(text) => self.text.push_str(text),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.text.push_str(text),
            Event::SoftBreak | Event::HardBreak => {
                self.end_callout_line();
                self.end_line();
            }
            Event::Html(html) => self.take_html(html),
            Event::InlineHtml(html) => {
                if tag_name(html).is_some_and(|name| name.eq_ignore_ascii_case("br")) {
                    self.end_line();
                }
            }
            Event::Start(tag) => match tag {
                Tag::Image { link_type: LinkType::WikiLink { .. }, dest_url, .. } => {
                    self.wiki_image = Some((dest_url.to_string(), self.text.len()));
                }
                Tag::Link {
                    link_type: LinkType::WikiLink { has_pothole: false },
                    dest_url,
                    ..
                } => {
                    self.at_own_heading = dest_url.starts_with('#');
                }
                Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::CodeBlock(_)
                | Tag::HtmlBlock
                | Tag::List(_)
                | Tag::Item
                | Tag::FootnoteDefinition(_)
                | Tag::Table(_)
                | Tag::TableRow => self.end_line(),
                Tag::BlockQuote(_) => {
                    self.end_line();
                    self.quote = Some(self.text.len());
                }
                _ => {}
            },
            Event::End(tag) => match tag {
                TagEnd::Paragraph => {
                    self.end_callout_line();
                    self.end_line();
                }
                TagEnd::Image => self.end_wiki_image(),
                TagEnd::TableCell => self.text.push_str("  "),
                TagEnd::HtmlBlock => {
                    self.hidden_until = None;
                    self.end_line();
                }
                TagEnd::Heading(_)
                | TagEnd::CodeBlock
                | TagEnd::Item
                | TagEnd::TableHead
                | TagEnd::TableRow => self.end_line(),
                _ => {}
            },
            Event::Rule => self.end_line(),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    /// What kind of callout it is, is no part of the text.
    fn end_callout_line(&mut self) {
        let Some(from) = self.quote.take() else { return };
        let Some(rest) = self.text.get(from..).and_then(|line| line.strip_prefix("[!")) else {
            return;
        };
        if let Some((kind, title)) = rest.split_once(']')
            && kind.starts_with(char::is_alphanumeric)
            && kind.chars().all(|c| c.is_alphanumeric() || "-_| ".contains(c))
        {
            let title = title.strip_prefix(['-', '+']).unwrap_or(title).trim_start().to_owned();
            self.text.truncate(from);
            self.text.push_str(&title);
        }
    }

    fn end_wiki_image(&mut self) {
        let Some((target, from)) = self.wiki_image.take() else { return };
        let is_size = self.text[from..].bytes().all(|b| b.is_ascii_digit() || b == b'x');
        if is_size {
            self.text.truncate(from);
            self.text.push_str(&target);
        }
    }

    /// One line of an HTML block: its text, without tags, comments, scripts and styles.
    fn take_html(&mut self, html: &str) {
        let mut rest = html;
        while !rest.is_empty() {
            if let Some(end) = self.hidden_until {
                let Some(at) = find_ignoring_case(rest, end) else { return };
                self.hidden_until = None;
                rest = &rest[at + end.len()..];
                continue;
            }
            let open = rest.find('<').unwrap_or(rest.len());
            self.push_html_text(&rest[..open]);
            rest = &rest[open..];
            if rest.is_empty() {
                return;
            }
            if rest.starts_with("<!--") {
                self.hidden_until = Some("-->");
                rest = &rest[4..];
                continue;
            }
            let Some(name) = tag_name(rest) else {
                self.text.push('<');
                rest = &rest[1..];
                continue;
            };
            if !is_inline_tag(name) {
                self.end_line();
            }
            let hides = |word: &str| name.eq_ignore_ascii_case(word) && !rest.starts_with("</");
            if hides("script") {
                self.hidden_until = Some("</script>");
            } else if hides("style") {
                self.hidden_until = Some("</style>");
            }
            match rest.find('>') {
                Some(close) => rest = &rest[close + 1..],
                None => {
                    // The tag goes on in the next line.
                    self.hidden_until = self.hidden_until.or(Some(">"));
                    return;
                }
            }
        }
    }

    fn push_html_text(&mut self, text: &str) {
        let text = if self.text.is_empty() || self.text.ends_with('\n') {
            text.trim_start()
        } else {
            text
        };
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            self.text.push_str(&rest[..at]);
            rest = &rest[at..];
            const ENTITIES: [(&str, char); 6] = [
                ("&amp;", '&'),
                ("&lt;", '<'),
                ("&gt;", '>'),
                ("&quot;", '"'),
                ("&#39;", '\''),
                ("&nbsp;", ' '),
            ];
            let entity = ENTITIES.iter().find(|(name, _)| rest.starts_with(name));
            let (shown, length) = entity.map_or(('&', 1), |(name, shown)| (*shown, name.len()));
            self.text.push(shown);
            rest = &rest[length..];
        }
        self.text.push_str(rest);
    }
}

/// The name in `<name …` or `</name …`; `""` for `<!…` and `<?…`.
fn tag_name(html: &str) -> Option<&str> {
    let rest = html.strip_prefix('<')?;
    if rest.starts_with(['!', '?']) {
        return Some("");
    }
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    rest.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| &rest[..end])
}

fn is_inline_tag(name: &str) -> bool {
    const INLINE: [&str; 18] = [
        "a", "abbr", "b", "code", "em", "font", "i", "kbd", "mark", "q", "s", "small", "span",
        "strong", "sub", "sup", "u", "wbr",
    ];
    INLINE.iter().any(|inline| name.eq_ignore_ascii_case(inline))
}

fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len()).position(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_plain_text() {
        for (body, text) in [
            ("> [!Example]\n> Use it.", "Use it."),
            ("> [!tip]- My *title*\n> Use it.\n\nx", "My title\nUse it.\nx"),
            ("> [!warning|wide]", ""),
            ("> [! not] one\n> quote [!tip]", "[! not] one\nquote [!tip]"),
            ("> plain\n> quote", "plain\nquote"),
            ("", ""),
            ("# A *b*\n\nc **d** `e`\nf", "A b\nc d e\nf"),
            ("- a\n- b\n  - c\n\n1. d", "a\nb\nc\nd"),
            ("[text](url) ![alt](pic.png) <https://x.org>", "text alt https://x.org"),
            ("[[a|b]] [[c]] [[d#e]] [[#f]] ![[p.png|300]]", "b c d#e f p.png"),
            ("| a | b |\n|---|---|\n| c | d |", "a  b\nc  d"),
            ("```rust\nlet a = \"#b\";\n```", "let a = \"#b\";"),
            ("a &amp; b \\* &copy;", "a & b * ©"),
            ("x<sub>2</sub> a<br>b", "x2 a\nb"),
            ("<div class='#x'>\n<p>Hi &amp; <b>you</b></p>\n</div>\n\nend", "Hi & you\nend"),
            ("<!-- no\nno -->\n\nyes", "yes"),
            ("<script>\nif (a < b) no();\n</script>\n\nyes", "yes"),
            ("<style>p { }</style>\n\nyes", "yes"),
            ("<p\n class=\"x\">\nhi", "hi"),
            ("> a\n> b\n\n---\n\nc", "a\nb\nc"),
            ("- [ ] a\n- [x] b", "a\nb"),
            ("a[^1]\n\n[^1]: note", "a\nnote"),
            ("a  \nb ~~c~~", "a\nb c"),
            ("a\r\n\r\nb", "a\nb"),
        ] {
            assert_eq!(plain_text(body), text, "{body:?}");
        }
        assert_eq!(plain_text_range("a *é* c\n\nd", 2..7), "é");
        assert_eq!(plain_text_range("aé", 2..99), "é");
    }

    #[test]
    fn knows_where_text_is_read() {
        for (body, read) in [
            ("# A *b*\n\nc `e`", &["A ", "b", "c ", "`e`"][..]),
            (
                "[text](https://url.example/path) [[a|b]] ![alt](pic.png)",
                &["text", " ", "b", " ", "alt"],
            ),
            ("<div class=\"x\">hi</div>\n\nend", &["hi", "\n", "end"]),
            ("a[^1]\n\n[^1]: note\n\nb", &["a", "note", "b"]),
            ("", &[]),
        ] {
            let spans: Vec<&str> = readable(body).into_iter().map(|span| &body[span]).collect();
            assert_eq!(spans, read, "{body:?}");
        }
    }

    #[test]
    fn finds_tags() {
        for (body, tags) in [
            ("#a b #c/d (#e) #f-g_h, #i.", &["a", "c/d", "e", "f-g_h", "i"][..]),
            (
                "#1984 #y1984 #1-2 #été #日本 #हिन्दी #🌱",
                &["y1984", "1-2", "été", "日本", "हिन्दी", "🌱"],
            ),
            ("a#b \\#c `#d` [#e](x) https://x/#f &#35;g", &[]),
            ("```\n#a\n```\n\n    #b\n\n<p>\n#c\n</p>", &[]),
            ("# H #a\n\n- #b\n\n> #c\n\n| #d |\n|--|\n| #e |", &["a", "b", "c", "d", "e"]),
            ("#Tag #tag #TAG", &["Tag"]),
            ("#a/ #/b ## #_ *#c* #d*", &["a", "_", "c", "d"]),
            ("#a_b_c #x_", &["a_b_c", "x_"]),
            ("[[a#b]] ![[c#d]]", &[]),
        ] {
            assert_eq!(analyse(body).tags, tags, "{body:?}");
        }
    }

    #[test]
    fn finds_links() {
        let link = |target: &str, heading: Option<&str>, embed, wiki| {
            (target.to_owned(), heading.map(str::to_owned), embed, wiki)
        };
        for (body, links) in [
            (
                "[[A]] [[B#C|d]]",
                vec![link("A", None, false, true), link("B", Some("C"), false, true)],
            ),
            (
                "![[p.png]] ![[N#h]]",
                vec![link("p.png", None, true, true), link("N", Some("h"), true, true)],
            ),
            (
                "[t](a%20b.md#h) ![p](i/p.png)",
                vec![link("a b.md", Some("h"), false, false), link("i/p.png", None, true, false)],
            ),
            ("[t](https://x.org) <https://y> [u](#here) ![r](https://x/p.png)", vec![]),
            ("`[[A]]`\n\n```\n[[B]]\n```\n\n\\[[C]]", vec![]),
            ("| x |\n|--|\n| [[A\\|b]] |", vec![link("A", None, false, true)]),
            ("[t][r]\n\n[r]: other.md", vec![link("other.md", None, false, false)]),
            ("[[]] [[ ]] [[A", vec![]),
        ] {
            let found = analyse(body).links;
            for link in &found {
                assert!(body[link.range.clone()].starts_with(['[', '!']), "{body:?}");
            }
            let found: Vec<_> =
                found.into_iter().map(|l| (l.target, l.heading, l.embed, l.wiki)).collect();
            assert_eq!(found, links, "{body:?}");
        }
        for (body, web, image) in [
            ("[t](https://x.org)", true, false),
            ("see https://x.org", true, false),
            ("see ftp://x `https://x`", false, false),
            ("![p](a.png)", false, true),
            ("![[a.PNG]]", false, true),
            ("![[note]]", false, false),
            ("![p](https://x/p)", false, true),
        ] {
            let found = analyse(body);
            assert_eq!((found.has_web_link, found.has_image), (web, image), "{body:?}");
        }
    }

    #[test]
    fn finds_tasks() {
        let body = "# T\n\n- [ ] call *Anna* 📅 2026-03-01 #x\n- [x] done due:2026-02-28\n  - [X] sub\n    more\n- no\n\n1. [ ] one\n\n2. [ ] two 📅 2026-02-30\n\n```\n- [ ] code\n```\n- [ ] [[A|b]] overdue:2026-01-01\n";
        let found = analyse(body);
        let tasks: Vec<_> = found
            .tasks
            .iter()
            .map(|t| (t.text.as_str(), t.done, t.due.as_deref(), t.line, &body[t.marker.clone()]))
            .collect();
        assert_eq!(
            tasks,
            [
                ("call Anna #x", false, Some("2026-03-01"), 2, "[ ]"),
                ("done", true, Some("2026-02-28"), 3, "[x]"),
                ("sub", true, None, 4, "[X]"),
                ("one", false, None, 8, "[ ]"),
                ("two 📅 2026-02-30", false, None, 10, "[ ]"),
                ("b overdue:2026-01-01", false, None, 15, "[ ]"),
            ]
        );
        assert_eq!(found.tags, ["x"]);
    }

    #[test]
    fn finds_headings() {
        let body = "# A `b` [[c|d]]\n\nSetext\n======\n\n### E\n\n```\n# no\n```";
        let found = analyse(body).headings;
        let headings: Vec<_> = found.iter().map(|h| (h.level, h.text.as_str())).collect();
        assert_eq!(headings, [(1, "A b d"), (1, "Setext"), (3, "E")]);
        assert!(body[found[2].range.clone()].starts_with("### E"));
    }

    #[test]
    fn hostile_bodies_end() {
        for part in [
            "[", "[[", "![[", ">", "> ", "- ", "*", "_a ", "`", "<", "<a ", "<!--", "&", "#", "| ",
            "|-", "[a](", "[^", "\\", "(#", "- [ ] ", "~", "1. ", "https://", "![](", "]]", "\r",
            "\0", "📅 ",
        ] {
            let body = part.repeat(100_000);
            plain_text(&body);
            analyse(&body);
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read(body in "(\\PC|[\\[\\]!|#>*_`<&\n -]|- \\[ \\] |\\[\\[|<p>|📅 2026-01-01|```\n){0,60}") {
            let found = analyse(&body);
            for range in found.links.iter().map(|l| &l.range).chain(found.headings.iter().map(|h| &h.range)) {
                prop_assert!(body.get(range.clone()).is_some());
            }
            for task in &found.tasks {
                prop_assert_eq!(&body[task.marker.start..task.marker.start + 1], "[");
                prop_assert_eq!(body[..task.marker.start].matches('\n').count(), task.line);
            }
            plain_text(&body);
        }

        #[test]
        fn any_range_is_read(body in "\\PC{0,40}", start in 0usize..80, end in 0usize..80) {
            plain_text_range(&body, start..end);
        }
    }
}
