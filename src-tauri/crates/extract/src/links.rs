//! The links of a Markdown text, and how they are set anew: exports of other apps refer to notes and
//! files by ids and by paths that mean nothing once each note stands for itself.

use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::{clean, inline};

/// One link or embed as written.
#[derive(Debug, PartialEq)]
pub(crate) struct Link<'a> {
    /// Percent-decoded, without the fragment.
    pub(crate) target: String,
    /// What stands after `#`.
    pub(crate) fragment: Option<String>,
    /// Markdown of what is shown; empty if the target itself is.
    pub(crate) text: &'a str,
    pub(crate) embed: bool,
    pub(crate) wiki: bool,
}

/// What becomes of a link.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    /// The same link to another place: an attachment's name, an address.
    Target(String),
    /// A link to the note of that title, or of that notebook path and title.
    Note(String),
    /// Other Markdown in its place.
    Markdown(String),
}

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM)
    .union(Options::ENABLE_WIKILINKS);

/// An open link: where it stands, and where its text ends so far.
struct Open<'a> {
    range: Range<usize>,
    text: Option<Range<usize>>,
    address: String,
    kind: LinkType,
    embed: bool,
    inner: Option<&'a str>,
}

/// The text with each link changed for which `change` gives something else. Links in code stay, and
/// so do addresses that stand for themselves (`<https://…>`).
pub(crate) fn rewrite(body: &str, change: &mut dyn FnMut(&Link<'_>) -> Option<Change>) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut in_table = false;
    for (event, range) in Parser::new_ext(body, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(_)) => in_table = true,
            Event::End(TagEnd::Table) => in_table = false,
            Event::Start(Tag::Link { link_type, dest_url, .. }) => open.push(Open {
                range,
                text: None,
                address: dest_url.into_string(),
                kind: link_type,
                embed: false,
                inner: None,
            }),
            Event::Start(Tag::Image { link_type, dest_url, .. }) => open.push(Open {
                range,
                text: None,
                address: dest_url.into_string(),
                kind: link_type,
                embed: true,
                inner: None,
            }),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                let Some(mut done) = open.pop() else { continue };
                done.inner = done.text.clone().and_then(|text| body.get(text));
                if let Some(mut edit) = changed(body, &done, change) {
                    if in_table && edit.1.contains("[[") {
                        edit.1 = edit.1.replace('|', "\\|");
                    }
                    // What was changed within it is part of its text, which is set as it was.
                    if edit.0 == done.range {
                        edits.retain(|(inner, _)| inner.start < edit.0.start);
                    }
                    edits.push(edit);
                }
                extend(&mut open, &done.range);
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                edits.extend(pictures(&html, range.start, change));
                extend(&mut open, &range);
            }
            _ => extend(&mut open, &range),
        }
    }
    if edits.is_empty() {
        return body.to_owned();
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(body.len());
    let mut at = 0;
    for (range, text) in edits {
        if range.start < at {
            continue;
        }
        out.push_str(&body[at..range.start]);
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(&body[at..]);
    out
}

fn extend(open: &mut [Open<'_>], range: &Range<usize>) {
    if let Some(link) = open.last_mut() {
        let text = link.text.get_or_insert_with(|| range.clone());
        text.start = text.start.min(range.start);
        text.end = text.end.max(range.end);
    }
}

/// The edit that a link wants.
fn changed(
    body: &str,
    open: &Open<'_>,
    change: &mut dyn FnMut(&Link<'_>) -> Option<Change>,
) -> Option<(Range<usize>, String)> {
    let wiki = matches!(open.kind, LinkType::WikiLink { .. });
    if matches!(open.kind, LinkType::Autolink | LinkType::Email) {
        return None;
    }
    let source = body.get(open.range.clone())?;
    let (target, fragment) = match open.address.split_once('#') {
        Some((target, fragment)) => (target, Some(fragment)),
        None => (open.address.as_str(), None),
    };
    let target = if wiki { target.trim_end_matches('\\') } else { target };
    let decode = |text: &str| {
        if wiki {
            return text.trim().to_owned();
        }
        String::from_utf8_lossy(&clean::percent_decoded(text.trim())).into_owned()
    };
    let shown = open.inner.unwrap_or_default();
    let link = Link {
        target: decode(target),
        fragment: fragment.map(decode).filter(|fragment| !fragment.is_empty()),
        text: if wiki && !source.contains('|') { "" } else { shown },
        embed: open.embed,
        wiki,
    };
    let set = change(&link)?;
    let mark = if open.embed { "!" } else { "" };
    let text = match set {
        Change::Markdown(text) => return Some((open.range.clone(), text)),
        Change::Target(target) if wiki => {
            let fragment = link.fragment.map(|f| format!("#{f}")).unwrap_or_default();
            let shown =
                if link.text.is_empty() { String::new() } else { format!("|{}", link.text) };
            format!("{mark}[[{target}{fragment}{shown}]]")
        }
        Change::Target(target) => {
            // Only the end changes, so that a picture within a link may change by itself.
            let end = open.text.as_ref().map_or(open.range.start + mark.len() + 1, |text| text.end);
            let target = inline::destination(&target);
            return Some((end..open.range.end, format!("]({target})")));
        }
        Change::Note(title) => {
            format!("{mark}{}", to_note(&title, link.fragment.as_deref(), link.text))
        }
    };
    Some((open.range.clone(), text))
}

/// Pictures in HTML, with their addresses' places.
fn pictures(
    html: &str,
    start: usize,
    change: &mut dyn FnMut(&Link<'_>) -> Option<Change>,
) -> Vec<(Range<usize>, String)> {
    let mut edits = Vec::new();
    let mut from = 0;
    while let Some(at) = html[from..].find("<img").map(|at| from + at) {
        let end = html[at..].find('>').map_or(html.len(), |end| at + end + 1);
        from = end;
        let tag = &html[at..end];
        let attribute = |name: &str| {
            let value = &tag[tag.find(&format!(" {name}="))? + name.len() + 2..];
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value[1..].split_once(quote).map(|(value, _)| value)
        };
        let Some(source) = attribute("src") else { continue };
        let link = Link {
            target: String::from_utf8_lossy(&clean::percent_decoded(source)).into_owned(),
            fragment: None,
            text: attribute("alt").unwrap_or_default(),
            embed: true,
            wiki: false,
        };
        let text = match change(&link) {
            None => continue,
            Some(Change::Target(target)) => {
                let shown = inline::escape(link.text, false);
                format!("![{shown}]({})", inline::destination(&target))
            }
            Some(Change::Note(title)) => format!("!{}", to_note(&title, None, link.text)),
            Some(Change::Markdown(text)) => text,
        };
        edits.push((start + at..start + end, text));
    }
    edits
}

/// A link to the note of a title, or of a notebook path and a title, that shows `text`.
pub(crate) fn to_note(title: &str, fragment: Option<&str>, text: &str) -> String {
    let text = text.trim();
    let plain = inline::unescaped(text);
    let fits = |text: &str| !text.contains(['[', ']', '|', '#', '^', '\\', '\n', '`', '*', '<']);
    let fragment = fragment.filter(|fragment| fits(fragment));
    let name = title.rsplit('/').next().unwrap_or(title);
    if fits(title) && (text.is_empty() || fits(&plain)) {
        let place = fragment.map_or_else(|| title.to_owned(), |f| format!("{title}#{f}"));
        let same = plain.is_empty() || plain == place;
        return if same { format!("[[{place}]]") } else { format!("[[{place}|{plain}]]") };
    }
    let shown = if text.is_empty() { inline::escape(name, false) } else { text.to_owned() };
    format!("[{shown}]({})", note_address(title))
}

/// The target of a Markdown link that means the note of a title.
pub(crate) fn note_address(title: &str) -> String {
    let mut out = String::with_capacity(title.len());
    for c in title.chars() {
        match c {
            '%' => out.push_str("%25"),
            '#' => out.push_str("%23"),
            ':' => out.push_str("%3A"),
            '?' => out.push_str("%3F"),
            '[' => out.push_str("%5B"),
            ']' => out.push_str("%5D"),
            '\\' => out.push_str("%5C"),
            c => out.push(c),
        }
    }
    inline::destination(&out)
}

/// Whether a target has a scheme (RFC 3986), as an address on the web; one letter is a drive.
pub(crate) fn has_scheme(target: &str) -> bool {
    target.starts_with("//")
        || target.split_once(':').is_some_and(|(scheme, _)| {
            scheme.len() > 1
                && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_set_anew() {
        let check = |body: &str, expected: &str| {
            let set = rewrite(body, &mut |link| match link.target.as_str() {
                "a b.png" => Some(Change::Target("kept (1).png".to_owned())),
                "page.md" => Some(Change::Note("Page".to_owned())),
                "odd" => Some(Change::Note("C# [x]".to_owned())),
                "gone" => Some(Change::Markdown(link.text.to_owned())),
                _ => None,
            });
            assert_eq!(set, expected, "{body}");
        };
        check(
            "![x](a%20b.png) and ![](<a b.png> \"t\")",
            "![x](kept%20%281%29.png) and ![](kept%20%281%29.png)",
        );
        check("[**see** it](page.md#Top)", "[[Page#Top|see it]]");
        check("[*see* it](page.md#Top)", "[*see* it](Page)");
        check(
            "[see it](page.md#Top), [Page](page.md), [](page.md)",
            "[[Page#Top|see it]], [[Page]], [[Page]]",
        );
        check(
            "[[page.md|x]] ![[page.md]] [[odd]]",
            "[[Page|x]] ![[Page]] [C# \\[x\\]](C%23%20%5Bx%5D)",
        );
        check("[![x](a%20b.png)](https://x.org)", "[![x](kept%20%281%29.png)](https://x.org)");
        check("[![x](a%20b.png)](page.md)", "[![x](a%20b.png)](Page)");
        check("`[x](page.md)`\n\n    [x](page.md)\n", "`[x](page.md)`\n\n    [x](page.md)\n");
        check("a [words](gone) b", "a words b");
        check("[x][r]\n\n[r]: page.md\n", "[[Page|x]]\n\n[r]: page.md\n");
        check("<img src=\"a%20b.png\" width=3 alt='p'> x", "![p](kept%20%281%29.png) x");
        check("| [x](page.md) |\n| --- |\n", "| [[Page\\|x]] |\n| --- |\n");
        check("<page.md> https://page.md", "<page.md> https://page.md");
    }
}
