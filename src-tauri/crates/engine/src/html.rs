//! Notes as one web page that stands alone: styles and pictures are inside it, and nothing of it can run.

use std::fmt::Write as _;

use pulldown_cmark::{Alignment, CodeBlockKind, Event, LinkType, Tag, TagEnd};

use crate::pages::{Page, is_outside, parse};

/// Marks that a note may write as HTML; they lose their attributes, all others are dropped.
const KEPT: [&str; 24] = [
    "b", "br", "code", "dd", "del", "details", "dl", "dt", "em", "hr", "i", "ins", "kbd", "mark",
    "p", "q", "s", "small", "strong", "sub", "summary", "sup", "u", "wbr",
];
/// Their content is dropped as well.
const SILENT: [&str; 6] = ["script", "style", "iframe", "object", "svg", "template"];

const HEAD: &str = "<meta name=\"viewport\" content=\"width=device-width\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">
<style>
:root { color-scheme: light dark; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; }
article + article { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid #8888; }
.meta { color: #767676; font-size: .875rem; }
img { max-width: 100%; }
pre, code { font-family: ui-monospace, monospace; font-size: .9em; }
pre { padding: .75rem 1rem; border: 1px solid #8884; border-radius: .375rem; overflow-x: auto; }
blockquote { margin-inline: 0; padding-inline-start: 1rem; border-inline-start: 3px solid #8886; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem; border: 1px solid #8886; }
li.task { list-style: none; margin-inline-start: -1.4rem; }
@media print { body { max-width: none; margin: 0; } article + article { break-before: page; } }
</style>
";

/// One page with all notes.
pub(crate) fn html(pages: &[Page]) -> String {
    let title = match pages {
        [page] => page.title.clone(),
        _ => format!("{} notes", pages.len()),
    };
    let mut out =
        String::from("<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>");
    escape(&mut out, &title);
    out.push_str("</title>\n");
    out.push_str(HEAD);
    out.push_str("</head>\n<body>\n");
    for page in pages {
        out.push_str("<article>\n<h1>");
        escape(&mut out, &page.title);
        out.push_str("</h1>\n<p class=\"meta\">");
        escape(&mut out, &page.meta.join(" · "));
        out.push_str("</p>\n");
        body(&mut out, page);
        out.push_str("</article>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML and HTML take no other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => {}
            c => out.push(c),
        }
    }
}

fn body(out: &mut String, page: &Page) {
    let mut columns: Vec<Alignment> = Vec::new();
    let (mut column, mut in_head) = (0, false);
    // Whether each open link is written as one.
    let mut links: Vec<bool> = Vec::new();
    // Inside a picture its name is gathered.
    let mut picture: Option<(String, String)> = None;
    let mut silent: Option<String> = None;
    for event in parse(&page.body) {
        if let Some((_, name)) = &mut picture {
            match &event {
                Event::Text(text) | Event::Code(text) => name.push_str(text),
                Event::End(TagEnd::Image) => {
                    let (target, name) = picture.take().unwrap_or_default();
                    push_picture(out, page, &target, &name);
                }
                _ => {}
            }
            continue;
        }
        match event {
            Event::Text(_) | Event::Code(_) if silent.is_some() => {}
            Event::Text(text) => escape(out, &text),
            Event::Code(text) => {
                out.push_str("<code>");
                escape(out, &text);
                out.push_str("</code>");
            }
            Event::Html(html) | Event::InlineHtml(html) => clean(out, &html, &mut silent),
            Event::SoftBreak => out.push('\n'),
            Event::HardBreak => out.push_str("<br>\n"),
            Event::Rule => out.push_str("<hr>\n"),
            Event::FootnoteReference(name) => {
                out.push_str("<sup>[");
                escape(out, &name);
                out.push_str("]</sup>");
            }
            Event::TaskListMarker(done) => {
                out.push_str(if done { "☑ " } else { "☐ " });
            }
            Event::InlineMath(text) | Event::DisplayMath(text) => {
                out.push_str("<code>");
                escape(out, &text);
                out.push_str("</code>");
            }
            Event::Start(tag) => match tag {
                Tag::Paragraph => out.push_str("<p>"),
                // The note's own title is the first level.
                Tag::Heading { level, .. } => {
                    write!(out, "<h{}>", (level as usize + 1).min(6)).expect("a String takes all");
                }
                Tag::BlockQuote(_) => out.push_str("<blockquote>\n"),
                Tag::CodeBlock(kind) => {
                    out.push_str("<pre><code");
                    if let CodeBlockKind::Fenced(language) = kind
                        && !language.is_empty()
                    {
                        out.push_str(" class=\"language-");
                        escape(out, language.split_whitespace().next().unwrap_or_default());
                        out.push('"');
                    }
                    out.push('>');
                }
                Tag::List(Some(start)) => {
                    writeln!(out, "<ol start=\"{start}\">").expect("a String takes all");
                }
                Tag::List(None) => out.push_str("<ul>\n"),
                Tag::Item => out.push_str("<li>"),
                Tag::FootnoteDefinition(name) => {
                    out.push_str("<div class=\"footnote\"><sup>[");
                    escape(out, &name);
                    out.push_str("]</sup> ");
                }
                Tag::Table(alignments) => {
                    columns = alignments;
                    out.push_str("<table>\n");
                }
                Tag::TableHead => {
                    (in_head, column) = (true, 0);
                    out.push_str("<tr>");
                }
                Tag::TableRow => {
                    column = 0;
                    out.push_str("<tr>");
                }
                Tag::TableCell => {
                    let align = match columns.get(column) {
                        Some(Alignment::Center) => " style=\"text-align:center\"",
                        Some(Alignment::Right) => " style=\"text-align:right\"",
                        _ => "",
                    };
                    column += 1;
                    write!(out, "<{}{align}>", if in_head { "th" } else { "td" })
                        .expect("a String takes all");
                }
                Tag::Emphasis => out.push_str("<em>"),
                Tag::Strong => out.push_str("<strong>"),
                Tag::Strikethrough => out.push_str("<del>"),
                Tag::Superscript => out.push_str("<sup>"),
                Tag::Subscript => out.push_str("<sub>"),
                Tag::Link { dest_url, link_type, .. } => {
                    let address = match link_type {
                        LinkType::Email => format!("mailto:{dest_url}"),
                        _ => dest_url.to_string(),
                    };
                    let outside = is_outside(&address);
                    if outside {
                        out.push_str("<a rel=\"noreferrer\" href=\"");
                        escape(out, &address);
                        out.push_str("\">");
                    }
                    links.push(outside);
                }
                Tag::Image { dest_url, .. } => {
                    picture = Some((dest_url.to_string(), String::new()));
                }
                Tag::HtmlBlock
                | Tag::MetadataBlock(_)
                | Tag::DefinitionList
                | Tag::DefinitionListTitle
                | Tag::DefinitionListDefinition => {}
            },
            Event::End(tag) => match tag {
                TagEnd::Paragraph => out.push_str("</p>\n"),
                TagEnd::Heading(level) => {
                    writeln!(out, "</h{}>", (level as usize + 1).min(6))
                        .expect("a String takes all");
                }
                TagEnd::BlockQuote(_) => out.push_str("</blockquote>\n"),
                TagEnd::CodeBlock => out.push_str("</code></pre>\n"),
                TagEnd::List(true) => out.push_str("</ol>\n"),
                TagEnd::List(false) => out.push_str("</ul>\n"),
                TagEnd::Item => out.push_str("</li>\n"),
                TagEnd::FootnoteDefinition => out.push_str("</div>\n"),
                TagEnd::Table => out.push_str("</table>\n"),
                TagEnd::TableHead => {
                    in_head = false;
                    out.push_str("</tr>\n");
                }
                TagEnd::TableRow => out.push_str("</tr>\n"),
                TagEnd::TableCell => out.push_str(if in_head { "</th>" } else { "</td>" }),
                TagEnd::Emphasis => out.push_str("</em>"),
                TagEnd::Strong => out.push_str("</strong>"),
                TagEnd::Strikethrough => out.push_str("</del>"),
                TagEnd::Superscript => out.push_str("</sup>"),
                TagEnd::Subscript => out.push_str("</sub>"),
                TagEnd::Link => {
                    if links.pop() == Some(true) {
                        out.push_str("</a>");
                    }
                }
                // One that is not closed must not swallow the rest of the note.
                TagEnd::HtmlBlock => silent = None,
                TagEnd::Image
                | TagEnd::MetadataBlock(_)
                | TagEnd::DefinitionList
                | TagEnd::DefinitionListTitle
                | TagEnd::DefinitionListDefinition => {}
            },
        }
    }
}

fn push_picture(out: &mut String, page: &Page, target: &str, name: &str) {
    let name = if name.is_empty() { target } else { name };
    match page.picture(target) {
        Some(picture) => {
            out.push_str("<img alt=\"");
            escape(out, name);
            write!(out, "\" src=\"data:{};base64,", picture.mime).expect("a String takes all");
            base64(out, &picture.bytes);
            out.push_str("\">");
        }
        None => {
            out.push_str("<em>[");
            escape(out, name);
            out.push_str("]</em>");
        }
    }
}

/// Writes what is harmless of a piece of HTML; `silent` is the element whose content is being dropped.
fn clean(out: &mut String, html: &str, silent: &mut Option<String>) {
    let mut rest = html;
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else {
            if silent.is_none() {
                escape(out, &unescape(rest));
            }
            return;
        };
        if silent.is_none() {
            escape(out, &unescape(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { return };
        let mark = &rest[1..end];
        rest = &rest[end + 1..];
        let (closes, name) = match mark.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, mark),
        };
        let name: String =
            name.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        match silent {
            Some(element) if closes && *element == name => *silent = None,
            Some(_) => {}
            None if SILENT.contains(&name.as_str()) => {
                *silent = (!closes && !mark.ends_with('/')).then_some(name);
            }
            None if KEPT.contains(&name.as_str()) => {
                write!(out, "<{}{name}>", if closes { "/" } else { "" })
                    .expect("a String takes all");
            }
            None => {}
        }
    }
}

/// The entities that stand in HTML for what [`escape`] writes.
fn unescape(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

/// RFC 4648, with padding.
fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            match place <= group.len() {
                true => out.push(char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize])),
                false => out.push('='),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Picture;

    fn page(text: &str) -> Page {
        Page {
            title: "A & B".into(),
            meta: vec!["Work".into()],
            body: text.into(),
            pictures: vec![(
                "plan.png".into(),
                Picture { mime: "image/png".into(), bytes: b"Man".to_vec() },
            )],
        }
    }

    #[track_caller]
    fn check(markdown: &str, expected: &str) {
        let mut out = String::new();
        body(&mut out, &page(markdown));
        assert_eq!(out.trim(), expected);
    }

    #[test]
    fn markdown_is_html() {
        check(
            "# One\n\na *b* **c** `d<` ~~e~~",
            "<h2>One</h2>\n<p>a <em>b</em> <strong>c</strong> <code>d&lt;</code> <del>e</del></p>",
        );
        check("- [x] done\n- [ ] open", "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>");
        check("3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>");
        check(
            "| a | b |\n|---|--:|\n| 1 | 2 |",
            "<table>\n<tr><th>a</th><th style=\"text-align:right\">b</th></tr>\n<tr><td>1</td><td style=\"text-align:right\">2</td></tr>\n</table>",
        );
        check(
            "![[plan.png]] ![x](plan.png) ![[other.png]]",
            "<p><img alt=\"plan.png\" src=\"data:image/png;base64,TWFu\"> <img alt=\"x\" src=\"data:image/png;base64,TWFu\"> <em>[other.png]</em></p>",
        );
        check(
            "[[Lease|the lease]] [web](https://a.b/?c&d)",
            "<p>the lease <a rel=\"noreferrer\" href=\"https://a.b/?c&amp;d\">web</a></p>",
        );
    }

    #[test]
    fn nothing_in_a_page_can_run() {
        check("[x](javascript:alert(1)) [y](data:text/html,z)", "<p>x y</p>");
        check("a <b onclick=x>b</b> <img src=x onerror=y> c<br/>", "<p>a <b>b</b>  c<br></p>");
        check("<script>alert(1)</script>\n\nafter", "<p>after</p>");
        check("<div onload=x>text &amp; more<!-- gone --></div>", "text &amp; more");
        check("<script>\nalert(1)\n\nin it", "");
        for (text, encoded) in [("", ""), ("M", "TQ=="), ("Ma", "TWE="), ("Man", "TWFu")] {
            let mut out = String::new();
            base64(&mut out, text.as_bytes());
            assert_eq!(out, encoded);
        }
        let whole = html(&[page("x"), page("y")]);
        assert!(whole.contains("<title>2 notes</title>") && whole.contains("<h1>A &amp; B</h1>"));
    }
}
