//! HTML source to HTML source that is safe to parse: nesting, attributes and their sizes are
//! bounded, `data:` images are taken out, and what is no content is left out.

use crate::{Attachments, MAX_INPUT};

/// Readers of the tree recurse; no page that a person wrote nests deeper.
const MAX_DEPTH: usize = 200;
const MAX_ATTRIBUTES: usize = 60;
/// Longer values are no links and no alternative texts.
const MAX_VALUE: usize = 8 << 10;
/// Elements left out with all that is in them; JSON-LD, which names the author and the date, is kept.
const RAW: [&str; 7] = ["script", "style", "noframes", "iframe", "noembed", "xmp", "template"];

pub(crate) struct Cleaned {
    pub(crate) html: String,
    /// What a browser noted about where the page was saved from.
    pub(crate) saved_from: Option<String>,
    /// Whether elements nested too deeply, and lost their tags but not their text.
    pub(crate) flattened: bool,
}

struct Attribute<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

pub(crate) fn clean(source: &str, attachments: &mut Attachments) -> Cleaned {
    let mut out = String::with_capacity(source.len().min(4 << 20));
    let mut open: Vec<String> = Vec::new();
    // Start tags left out, whose end tags are to be left out, too.
    let mut dropped: Vec<String> = Vec::new();
    let mut saved_from = None;
    let mut flattened = false;
    let mut data_left = MAX_INPUT;
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let next = rest.as_bytes().get(1).copied().unwrap_or(0);
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").unwrap_or(comment.len());
            if saved_from.is_none() {
                saved_from = saved_url(&comment[..end]);
            }
            rest = comment.get(end + 3..).unwrap_or("");
        } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let end = data.find("]]>").unwrap_or(data.len());
            out.push_str(&data[..end].replace('&', "&amp;").replace('<', "&lt;"));
            rest = data.get(end + 3..).unwrap_or("");
        } else if next == b'!' || next == b'?' {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            if next == b'!' && end < 512 {
                out.push_str(&rest[..end]);
            }
            rest = &rest[end..];
        } else if next == b'/' && rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            let name = tag_name(&rest[2..end]).to_ascii_lowercase();
            rest = &rest[end..];
            if let Some(at) = dropped.iter().rev().take(MAX_DEPTH).position(|d| *d == name) {
                dropped.truncate(dropped.len() - 1 - at);
                continue;
            }
            if let Some(at) = open.iter().rev().position(|o| *o == name) {
                open.truncate(open.len() - 1 - at);
            }
            out.push_str("</");
            out.push_str(&name);
            out.push('>');
        } else if next.is_ascii_alphabetic() {
            let (name, attributes, self_closing, after) = tag(rest);
            let name = name.to_ascii_lowercase();
            let json = name == "script"
                && attributes.iter().any(|a| {
                    a.value.is_some_and(|v| v.eq_ignore_ascii_case("application/ld+json"))
                });
            rest = after;
            if RAW.contains(&name.as_str()) {
                if self_closing && name != "script" {
                    continue;
                }
                let end = find_end_tag(rest, &name).unwrap_or(rest.len());
                if json && end < 1 << 20 {
                    out.push_str("<script type=\"application/ld+json\">");
                    out.push_str(&rest[..end]);
                    out.push_str("</script>");
                }
                rest = &rest[end..];
                rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
                continue;
            }
            if nests(&name) && !self_closing {
                if open.len() >= MAX_DEPTH {
                    flattened = true;
                    if dropped.len() < 4 * MAX_DEPTH {
                        dropped.push(name);
                    }
                    out.push(' ');
                    continue;
                }
                open.push(name.clone());
            }
            out.push('<');
            out.push_str(&name);
            let lazy = lazy_source(&name, &attributes);
            for attribute in attributes.iter().take(MAX_ATTRIBUTES) {
                write_attribute(&mut out, &name, attribute, lazy, attachments, &mut data_left);
            }
            if self_closing {
                out.push_str(" /");
            }
            out.push('>');
            if name == "textarea" || name == "title" {
                // Text up to its end tag whatever it looks like, and bounded by what follows.
                let end = find_end_tag(rest, &name).unwrap_or(rest.len());
                out.push_str(&rest[..end].replace('<', "&lt;"));
                rest = &rest[end..];
            }
        } else {
            out.push_str("&lt;");
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cleaned { html: out, saved_from, flattened }
}

/// Whether an element stays open until its end tag. Those that the next one of their kind closes
/// cannot nest by themselves.
fn nests(name: &str) -> bool {
    !matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
            | "frame"
            | "keygen"
            | "bgsound"
            | "p"
            | "li"
            | "dt"
            | "dd"
            | "tr"
            | "td"
            | "th"
            | "tbody"
            | "thead"
            | "tfoot"
            | "colgroup"
            | "option"
            | "optgroup"
            | "rp"
            | "rt"
            | "html"
            | "head"
            | "body"
            | "image"
    )
}

fn tag_name(text: &str) -> &str {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
    &text[..end.unwrap_or(text.len())]
}

/// A start tag's name, attributes, whether it ends with `/`, and what follows it.
fn tag(text: &str) -> (&str, Vec<Attribute<'_>>, bool, &str) {
    let name = tag_name(&text[1..]);
    let mut rest = &text[1 + name.len()..];
    let mut attributes = Vec::new();
    let mut self_closing = false;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if rest.is_empty() {
            return (name, attributes, self_closing, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (name, attributes, self_closing, after);
        }
        if let Some(after) = rest.strip_prefix('/') {
            self_closing = after.starts_with('>');
            rest = after;
            continue;
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='))
            .map_or(rest.len(), |(at, _)| at);
        let key = &rest[..end];
        rest = rest[end..].trim_start_matches(|c: char| c.is_ascii_whitespace());
        let mut value = None;
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (text, left) = match quote {
                Some(quote) => {
                    let end = after[1..].find(quote).map_or(after.len(), |end| end + 1);
                    (&after[1..end], after.get(end + 1..).unwrap_or(""))
                }
                None => {
                    let end = after
                        .find(|c: char| c.is_ascii_whitespace() || c == '>')
                        .unwrap_or(after.len());
                    (&after[..end], &after[end..])
                }
            };
            value = Some(text);
            rest = left;
        }
        if attributes.len() < MAX_ATTRIBUTES {
            attributes.push(Attribute { name: key, value });
        }
    }
}

fn find_end_tag(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let at = from + at;
        if text
            .as_bytes()
            .get(at + 2..at + 2 + name.len())
            .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

/// Pages that load images late keep the address in another attribute than `src`.
fn lazy_source<'a>(name: &str, attributes: &[Attribute<'a>]) -> Option<&'a str> {
    if name != "img" {
        return None;
    }
    let value = |name: &str| {
        attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name)).and_then(|a| a.value)
    };
    let source = value("src").unwrap_or_default();
    let is_placeholder = source.is_empty() || (source.starts_with("data:") && source.len() < 400);
    if !is_placeholder {
        return None;
    }
    let late = ["data-src", "data-original", "data-lazy-src", "data-actualsrc"]
        .iter()
        .find_map(|name| value(name));
    late.filter(|late| !late.starts_with("data:") && late.len() < MAX_VALUE)
}

fn write_attribute(
    out: &mut String,
    tag: &str,
    attribute: &Attribute<'_>,
    lazy: Option<&str>,
    attachments: &mut Attachments,
    data_left: &mut usize,
) {
    let name = attribute.name.to_ascii_lowercase();
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    if !name.chars().all(valid) || name.len() > 100 || name.starts_with("on") || name == "srcset" {
        return;
    }
    let Some(value) = attribute.value else {
        out.push(' ');
        out.push_str(&name);
        return;
    };
    let mut taken = None;
    let mut value = value;
    if name == "src" && lazy.is_some() {
        value = lazy.unwrap_or_default();
    } else if value.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) {
        // Tiny ones are spacers and placeholders, but for a person's small icon that is no loss either.
        if tag == "img" && name == "src" {
            taken = data_image(value.trim_start(), data_left)
                .map(|(name, bytes)| attachments.add(name, bytes));
        }
        value = taken.as_deref().unwrap_or_default();
    }
    if value.len() > MAX_VALUE {
        return;
    }
    out.push(' ');
    out.push_str(&name);
    out.push_str("=\"");
    out.push_str(&value.replace('"', "&quot;"));
    out.push('"');
}

/// A file name and the bytes of a `data:` image.
fn data_image(uri: &str, data_left: &mut usize) -> Option<(&'static str, Vec<u8>)> {
    let (head, data) = uri.get(5..)?.split_once(',')?;
    let head = head.to_ascii_lowercase();
    let name = match head.split(';').next()?.trim() {
        "image/png" => "image.png",
        "image/jpeg" | "image/jpg" => "image.jpg",
        "image/gif" => "image.gif",
        "image/webp" => "image.webp",
        "image/avif" => "image.avif",
        "image/svg+xml" => "image.svg",
        "image/bmp" => "image.bmp",
        _ => return None,
    };
    let bytes = if head.contains("base64") { base64(data)? } else { percent_decoded(data) };
    // A one-pixel GIF has 43 bytes, and is there to count readers.
    if bytes.len() < 100 && name == "image.gif" {
        return None;
    }
    *data_left = data_left.checked_sub(bytes.len())?;
    Some((name, bytes))
}

pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = if text.contains('%') {
        String::from_utf8(percent_decoded(text)).ok()?
    } else {
        text.to_owned()
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            b if b.is_ascii_whitespace() => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => {}
    }
    Some(out)
}

pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// The address in the comments that browsers and SingleFile write into saved pages.
fn saved_url(comment: &str) -> Option<String> {
    let head = comment.get(..comment.len().min(2000)).unwrap_or(comment);
    let at = head.find("saved from url=").map(|at| at + 15);
    let at = at.or_else(|| {
        head.contains("SingleFile").then(|| head.find("url: ").map(|at| at + 5)).flatten()
    })?;
    let url = &head[at..];
    let url = url.strip_prefix('(').and_then(|url| url.split_once(')')).map_or(url, |(_, url)| url);
    let url = url.split_whitespace().next()?;
    (url.starts_with("http://") || url.starts_with("https://")).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned() {
        let check = |source: &str, expected: &str| {
            assert_eq!(clean(source, &mut Attachments::default()).html, expected, "{source}");
        };
        check("<P CLASS=a>x</P>", "<p class=\"a\">x</p>");
        check("a < b <i>c", "a &lt; b <i>c");
        check("<script>if (a < b) '</p>'</script>x", "x");
        check("<STYLE>p > a{}</style\n>x<!-- <b> -->y", "xy");
        check("<img src='a.png' onerror=\"x\" alt='\"'/>", "<img src=\"a.png\" alt=\"&quot;\" />");
        check(
            "<img src=\"data:image/gif;base64,R0lG\" data-src=b.png>",
            "<img src=\"b.png\" data-src=\"b.png\">",
        );
        check("<a href=\"x", "<a href=\"x\">");
        check("<", "&lt;");
        check("</", "&lt;/");
        check("<!doctype html><![CDATA[a<b]]>", "<!doctype html>a&lt;b");
    }

    #[test]
    fn data_images_are_taken_out() {
        let mut attachments = Attachments::default();
        let page = "<img src=\"data:image/png;base64,iVBORw0KGgo=\"><img src='data:image/svg+xml,%3Csvg/%3E'>";
        let html = clean(page, &mut attachments).html;
        assert_eq!(html, "<img src=\"image.png\"><img src=\"image.svg\">");
        assert_eq!(attachments.files[0].bytes, b"\x89PNG\r\n\x1a\n");
        assert_eq!(attachments.files[1].bytes, b"<svg/>");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}x{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
        let cleaned = clean(&deep, &mut Attachments::default());
        assert!(cleaned.flattened && cleaned.html.matches("<div>").count() == MAX_DEPTH);
    }
}
