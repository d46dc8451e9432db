//! The HTML of note apps, where each line is a `div`: Evernote's ENML (`enml2.dtd`) and the bodies of
//! Apple Notes. Lines become paragraphs, lines with a box become tasks, blocks of code stay to the letter.

use dom_query::{Document, NodeRef};

use crate::clean::clean;
use crate::{Attachments, Failure, html, inline, text};

/// Elements that stand within a line.
const INLINE: [&str; 24] = [
    "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "img", "input", "ins",
    "kbd", "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "u",
];
/// Elements without content, which XML closes at once and HTML never.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Characters of a tag within which its quotes are to match.
const MAX_TAG: usize = 16 << 10;

/// What a note refers to by ids of its app.
pub(crate) trait Resources {
    /// The name that an attachment got, by the digest that a note shows it by.
    fn media(&mut self, hash: &str, kind: &str) -> Option<String>;
    /// The tasks of the group with that id: whether each is done, and its text.
    fn tasks(&mut self, group: &str) -> Vec<(bool, String)>;
}

/// A note that refers to nothing.
pub(crate) struct Nothing;

impl Resources for Nothing {
    fn media(&mut self, _hash: &str, _kind: &str) -> Option<String> {
        None
    }

    fn tasks(&mut self, _group: &str) -> Vec<(bool, String)> {
        Vec::new()
    }
}

/// Markdown of a note's body.
pub(crate) fn markdown(
    source: &str,
    attachments: &mut Attachments,
    resources: &mut dyn Resources,
) -> Result<String, Failure> {
    let cleaned = clean(&as_html(&text::tidy(source)), attachments);
    let page = Document::from(cleaned.html.as_str());
    drop(cleaned.html);
    let mut writer = Writer::default();
    if let Some(body) = page.body() {
        blocks(&body, &mut writer, resources);
    }
    html::to_markdown(&writer.finish())
}

/// XHTML as HTML: elements that are closed at once get an end tag, Evernote's own become ones that
/// HTML knows.
fn as_html(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = tag_end(rest);
        let tag = &rest[..end];
        rest = &rest[end..];
        let closing = tag.starts_with("</");
        let name = tag.trim_start_matches(['<', '/']);
        let name: String =
            name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let name = name.to_ascii_lowercase();
        match (name.as_str(), closing) {
            ("en-todo" | "en-media" | "br", true) => {}
            ("en-todo", false) => {
                let checked = tag.contains("checked=\"true\"") || tag.contains("checked='true'");
                out.push_str("<input type=\"checkbox\"");
                out.push_str(if checked { " checked>" } else { ">" });
            }
            ("en-media", false) => {
                out.push_str("<img data-en=\"1\"");
                out.push_str(tag[1 + "en-media".len()..].trim_end_matches(['>', '/']));
                out.push('>');
            }
            (name, false) if tag.ends_with("/>") && !name.is_empty() => {
                if VOID.contains(&name) {
                    out.push_str(tag);
                } else {
                    out.push_str(tag[..tag.len() - 2].trim_end());
                    out.push_str("></");
                    out.push_str(name);
                    out.push('>');
                }
            }
            _ => out.push_str(tag),
        }
    }
    out.push_str(rest);
    out
}

/// Where a tag ends: quotes may hold `>`; a section of characters and a comment may, too.
fn tag_end(text: &str) -> usize {
    for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>")] {
        if text.starts_with(start) {
            return text.find(end).map_or(text.len(), |at| at + end.len());
        }
    }
    let is_tag =
        text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    if !is_tag {
        return 1;
    }
    let mut quote = None;
    for (at, c) in text.char_indices().take(MAX_TAG) {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    // An odd quote: the first end will do.
    text.find('>').map_or(text.len(), |at| at + 1)
}

#[derive(Default)]
struct Writer {
    out: String,
    /// HTML of the line that is being written, and of those before it in the paragraph.
    line: String,
    lines: Vec<String>,
    in_tasks: bool,
    /// Within an item of a list, whose first line may have a box of its own.
    in_item: bool,
}

const BOX: &str = "<input type=\"checkbox\"";

impl Writer {
    /// Ends a line; an empty one ends the paragraph if the person put it there.
    fn end_line(&mut self, meant: bool) {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() {
            if meant {
                self.end_paragraph();
            }
            return;
        }
        let first = self.lines.is_empty() && self.out.is_empty();
        if line.trim_start().starts_with(BOX) && !(self.in_item && first) {
            if !self.in_tasks {
                self.end_paragraph();
                self.out.push_str("<ul>");
                self.in_tasks = true;
            }
            self.out.push_str(&format!("<li>{}</li>", line.trim()));
            return;
        }
        self.end_tasks();
        self.lines.push(line.trim().to_owned());
    }

    fn end_tasks(&mut self) {
        if std::mem::take(&mut self.in_tasks) {
            self.out.push_str("</ul>");
        }
    }

    fn end_paragraph(&mut self) {
        self.end_tasks();
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        let lines = lines.join("<br>");
        // The first paragraph of an item stands beside its mark.
        if self.in_item && self.out.is_empty() {
            self.out.push_str(&lines);
        } else {
            self.out.push_str(&format!("<p>{lines}</p>"));
        }
    }

    fn block(&mut self, html: &str) {
        self.end_line(false);
        self.end_paragraph();
        self.out.push_str(html);
    }

    fn finish(mut self) -> String {
        self.end_line(false);
        self.end_paragraph();
        self.out
    }
}

fn name(node: &NodeRef<'_>) -> String {
    node.node_name().map(|name| name.to_string()).unwrap_or_default()
}

fn attribute(node: &NodeRef<'_>, name: &str) -> String {
    node.attr(name).map(|value| value.to_string()).unwrap_or_default()
}

/// The value of one declaration in an element's style; names of Evernote's own begin with one dash or
/// with two.
fn style(node: &NodeRef<'_>, wanted: &str) -> Option<String> {
    let style = node.attr("style")?;
    style.split(';').find_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        (name.trim().trim_start_matches('-') == wanted).then(|| value.trim().to_ascii_lowercase())
    })
}

fn is_set(node: &NodeRef<'_>, wanted: &str) -> bool {
    style(node, wanted).is_some_and(|value| value == "true")
}

/// Whether all of it stands within a line.
fn is_inline(node: &NodeRef<'_>) -> bool {
    !node.is_element()
        || INLINE.contains(&name(node).as_str())
            && node.descendants_it().all(|n| !n.is_element() || INLINE.contains(&name(&n).as_str()))
}

fn blocks(parent: &NodeRef<'_>, out: &mut Writer, resources: &mut dyn Resources) {
    for node in parent.children() {
        if node.is_text() {
            out.line.push_str(&escape(&node.text()));
            continue;
        }
        if !node.is_element() {
            continue;
        }
        if is_inline(&node) {
            let mut line = std::mem::take(&mut out.line);
            inlines(&node, &mut line, resources);
            out.line = line;
            continue;
        }
        let name = name(&node);
        if is_set(&node, "en-codeblock") {
            out.block(&code(&node));
            continue;
        }
        if is_set(&node, "en-task-group") {
            let group = node.attr("style").map(|style| style.to_string()).unwrap_or_default();
            let group = group.split("en-id:").nth(1).unwrap_or_default();
            let group = group.split(';').next().unwrap_or_default().trim();
            let tasks = resources.tasks(group);
            if !tasks.is_empty() {
                let mut items = String::new();
                for (done, task) in tasks {
                    let checked = if done { " checked" } else { "" };
                    items.push_str(&format!("<li>{BOX}{checked}>{}</li>", escape(&task)));
                }
                out.block(&format!("<ul>{items}</ul>"));
                continue;
            }
        }
        match name.as_str() {
            "br" => out.end_line(true),
            "hr" => out.block("<hr>"),
            "ul" | "ol" => {
                let list = list(&node, resources);
                out.block(&list);
            }
            "table" => {
                let table = table(&node, resources);
                out.block(&table);
            }
            "pre" => out.block(&code(&node)),
            "blockquote" => {
                let mut inner = Writer::default();
                blocks(&node, &mut inner, resources);
                out.block(&format!("<blockquote>{}</blockquote>", inner.finish()));
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let mut line = String::new();
                children(&node, &mut line, resources);
                if !line.trim().is_empty() {
                    out.block(&format!("<{name}>{}</{name}>", line.trim()));
                }
            }
            "p" => {
                out.end_line(false);
                out.end_paragraph();
                blocks(&node, out, resources);
                out.end_line(false);
                out.end_paragraph();
            }
            "en-crypt" => {
                out.end_line(false);
                out.line.push_str(ENCRYPTED);
                out.end_line(false);
            }
            "script" | "style" | "head" | "title" | "noscript" | "template" => {}
            "object" | "iframe" | "video" | "audio" => {
                let mut line = std::mem::take(&mut out.line);
                frame(&node, &mut line);
                out.line = line;
            }
            // Fragments of lines in one that is none itself.
            name if INLINE.contains(&name) => blocks(&node, out, resources),
            _ => {
                out.end_line(false);
                blocks(&node, out, resources);
                out.end_line(false);
            }
        }
    }
}

/// Stands for what only Evernote can show.
pub(crate) const ENCRYPTED: &str = "[text encrypted in Evernote]";

fn children(node: &NodeRef<'_>, line: &mut String, resources: &mut dyn Resources) {
    for child in node.children() {
        inlines(&child, line, resources);
    }
}

/// A part of a line as plain HTML: marks of looks that Markdown has.
fn inlines(node: &NodeRef<'_>, line: &mut String, resources: &mut dyn Resources) {
    if node.is_text() {
        line.push_str(&escape(&node.text()));
        return;
    }
    if !node.is_element() {
        return;
    }
    let name = name(node);
    let mut marks: Vec<&str> = Vec::new();
    match name.as_str() {
        "input" => {
            let checked = node.has_attr("checked");
            line.push_str(BOX);
            line.push_str(if checked { " checked>" } else { ">" });
            return;
        }
        "br" => {
            line.push_str("<br>");
            return;
        }
        "img" if node.has_attr("data-en") => {
            let (hash, kind) = (attribute(node, "hash"), attribute(node, "type"));
            if let Some(file) = resources.media(&hash, &kind) {
                let address = escape(&inline::destination(&file));
                if crate::media_type(&file).starts_with("image/") || kind.starts_with("image/") {
                    let alt = escape(&attribute(node, "alt"));
                    line.push_str(&format!("<img src=\"{address}\" alt=\"{alt}\">"));
                } else {
                    line.push_str(&format!("<a href=\"{address}\">{}</a>", escape(&file)));
                }
            }
            return;
        }
        "img" => {
            let (source, alt) = (escape(&attribute(node, "src")), escape(&attribute(node, "alt")));
            if !source.is_empty() {
                line.push_str(&format!("<img src=\"{source}\" alt=\"{alt}\">"));
            }
            return;
        }
        "a" if node.has_attr("href") => {
            let address = attribute(node, "href");
            let mut inner = String::new();
            children(node, &mut inner, resources);
            if inner.trim().is_empty() {
                inner = escape(&address);
            }
            if inline::is_link(&address) {
                inner = format!("<a href=\"{}\">{inner}</a>", escape(&address));
            }
            line.push_str(&inner);
            return;
        }
        "b" | "strong" => marks.push("b"),
        "i" | "em" => marks.push("i"),
        "s" | "strike" | "del" => marks.push("s"),
        "code" | "kbd" => marks.push("code"),
        "mark" => marks.push("mark"),
        _ => {}
    }
    let is = |wanted: &str, values: &[&str]| {
        style(node, wanted).is_some_and(|value| values.iter().any(|known| value.contains(known)))
    };
    let mut add = |mark, on: bool| {
        if on && !marks.contains(&mark) {
            marks.push(mark);
        }
    };
    add("b", is("font-weight", &["bold", "600", "700", "800", "900"]));
    add("i", is("font-style", &["italic", "oblique"]));
    add(
        "s",
        is("text-decoration", &["line-through"]) || is("text-decoration-line", &["line-through"]),
    );
    add("mark", is("evernote-highlight", &["true"]) || style(node, "en-highlight").is_some());
    let mut inner = String::new();
    children(node, &mut inner, resources);
    if inner.trim().is_empty() {
        line.push_str(&inner);
        return;
    }
    for mark in &marks {
        line.push_str(&format!("<{mark}>"));
    }
    line.push_str(&inner);
    for mark in marks.iter().rev() {
        line.push_str(&format!("</{mark}>"));
    }
}

/// A frame's address, as a link.
fn frame(node: &NodeRef<'_>, line: &mut String) {
    let address = [attribute(node, "src"), attribute(node, "data")].concat();
    if crate::links::has_scheme(&address) && inline::is_link(&address) {
        let address = escape(&address);
        line.push_str(&format!("<a href=\"{address}\">{address}</a>"));
    }
}

/// Code with its line breaks and its indentation.
fn code(node: &NodeRef<'_>) -> String {
    let mut lines = String::new();
    code_lines(node, &mut lines);
    let language = style(node, "en-codeblockLanguage")
        .or_else(|| style(node, "en-syntaxLanguage"))
        .filter(|language| language != "plaintext")
        .filter(|language| {
            language.chars().all(|c| c.is_ascii_alphanumeric() || "+#-".contains(c))
        });
    let class = language.map(|l| format!(" class=\"language-{l}\"")).unwrap_or_default();
    let code = lines.replace('\u{a0}', " ");
    format!("<pre><code{class}>{}</code></pre>", escape(code.trim_matches('\n')))
}

fn code_lines(node: &NodeRef<'_>, out: &mut String) {
    let end = |out: &mut String| {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
    };
    for child in node.children() {
        if child.is_text() {
            let text = child.text();
            // Between lines that are elements of their own, white space is the file's.
            if !(text.trim_matches(' ').is_empty() || text.trim().is_empty() && text.contains('\n'))
                || name(node) == "pre"
            {
                out.push_str(&text);
            }
            continue;
        }
        match name(&child).as_str() {
            "br" => out.push('\n'),
            "div" | "p" | "li" | "ul" | "ol" => {
                end(out);
                let start = out.len();
                code_lines(&child, out);
                if out.len() == start {
                    out.push('\n');
                }
                end(out);
            }
            _ => code_lines(&child, out),
        }
    }
}

fn list(node: &NodeRef<'_>, resources: &mut dyn Resources) -> String {
    let class = attribute(node, "class").to_ascii_lowercase();
    let tasks = is_set(node, "en-todo") || class.contains("checklist") || class.contains("todo");
    let tag = if name(node) == "ol" { "ol" } else { "ul" };
    let start = attribute(node, "start");
    let start = start.parse::<u32>().ok().map(|n| format!(" start=\"{n}\"")).unwrap_or_default();
    let mut out = format!("<{tag}{start}>");
    let mut open = false;
    for item in node.children() {
        if !item.is_element() {
            continue;
        }
        let is_list = matches!(name(&item).as_str(), "ul" | "ol");
        // A list right below a list belongs to the item before it.
        if !is_list || !open {
            if open {
                out.push_str("</li>");
            }
            out.push_str("<li>");
            open = true;
        }
        if is_list {
            out.push_str(&list(&item, resources));
            continue;
        }
        if tasks {
            let class = attribute(&item, "class").to_ascii_lowercase();
            let done = is_set(&item, "en-checked")
                || class.split_whitespace().any(|c| matches!(c, "done" | "checked"));
            out.push_str(BOX);
            out.push_str(if done { " checked>" } else { ">" });
        }
        let mut inner = Writer { in_item: true, ..Writer::default() };
        blocks(&item, &mut inner, resources);
        out.push_str(&inner.finish());
    }
    if open {
        out.push_str("</li>");
    }
    out.push_str(&format!("</{tag}>"));
    out
}

fn table(node: &NodeRef<'_>, resources: &mut dyn Resources) -> String {
    let mut out = String::from("<table>");
    rows(node, &mut out, resources);
    out.push_str("</table>");
    out
}

fn rows(node: &NodeRef<'_>, out: &mut String, resources: &mut dyn Resources) {
    for child in node.children() {
        let name = name(&child);
        match name.as_str() {
            "tr" => {
                out.push_str("<tr>");
                rows(&child, out, resources);
                out.push_str("</tr>");
            }
            "td" | "th" => {
                let span = attribute(&child, "colspan").parse::<u32>().unwrap_or(1);
                let span = if span > 1 { format!(" colspan=\"{span}\"") } else { String::new() };
                let mut inner = Writer { in_item: true, ..Writer::default() };
                blocks(&child, &mut inner, resources);
                out.push_str(&format!("<{name}{span}>{}</{name}>", inner.finish()));
            }
            "thead" | "tbody" | "tfoot" => {
                out.push_str(&format!("<{name}>"));
                rows(&child, out, resources);
                out.push_str(&format!("</{name}>"));
            }
            "caption" => {
                let mut line = String::new();
                children(&child, &mut line, resources);
                out.push_str(&format!("<caption>{line}</caption>"));
            }
            _ => {}
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes() {
        let check = |source: &str, expected: &str| {
            let set =
                markdown(source, &mut Attachments::default(), &mut Nothing).expect("Markdown");
            assert_eq!(set, expected, "{source}");
        };
        check("<en-note/>", "");
        check(
            "<div>one</div><div>two</div><div><br/></div><div>three</div>",
            "one\\\ntwo\n\nthree\n",
        );
        check("a<br></br>b<br clear=\"none\"/>c", "a\\\nb\\\nc\n");
        check(
            "<div>x</div><div><en-todo checked=\"true\"/>Milk</div><div><en-todo/>Bread</div><div>y</div>",
            "x\n\n- [x] Milk\n- [ ] Bread\n\ny\n",
        );
        check("<en-todo/>a<br/><en-todo checked='true'/>b", "- [ ] a\n- [x] b\n");
        check(
            "<ol style=\"--en-todo:true;\"><li style=\"--en-checked:false;\"><div>a</div></li><li style=\"--en-checked:true;\">b</li></ol>",
            "1. [ ] a\n2. [x] b\n",
        );
        check("<ul><li><div><en-todo/>a</div></li></ul>", "- [ ] a\n");
        check("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n  - b\n- c\n");
        check(
            "<div style=\"-en-codeblock:true;--en-codeblockLanguage:rust;\"><div>fn x() {</div><div>&nbsp; &nbsp; y</div><div><br/></div><div>}</div></div>",
            "```rust\nfn x() {\n    y\n\n}\n```\n",
        );
        check("<div style='--en-codeblock:true'>a<br/>  b</div>", "```\na\n  b\n```\n");
        check(
            "a <span style=\"--en-highlight:yellow\">b</span> <span style='font-weight: bold'>c</span>",
            "a ==b== **c**\n",
        );
        check(
            "<div><table><tr><td><div>a</div></td><td>b</td></tr><tr><td>c</td><td><b>d</b></td></tr></table></div>",
            "| | |\n| --- | --- |\n| a | b |\n| c | **d** |\n",
        );
        check("<div/>x<div><a name=\"y\"/>z</div>", "x\\\nz\n");
        check(
            "<div>x<en-crypt hint=\"h\">AAAA</en-crypt></div>",
            "x\\\n\\[text encrypted in Evernote\\]\n",
        );
        check(
            "<div><h1>T</h1></div><div><ul class=\"com-apple-note-checklist\"><li class=\"done\">a</li><li>b</li></ul></div>",
            "# T\n\n- [x] a\n- [ ] b\n",
        );
        check("1 < 2 & \"3\"", "1 < 2 & \"3\"\n");
    }

    #[test]
    fn hostile_notes() {
        for source in [
            "<div>".repeat(50_000),
            "<ul><li>".repeat(20_000),
            "<en-todo".repeat(50_000),
            "<a \"".repeat(20_000),
            "<table><tr><td>".repeat(5_000),
        ] {
            let set = markdown(&source, &mut Attachments::default(), &mut Nothing);
            assert!(set.is_ok_and(|text| text.len() < 16 << 20));
        }
    }
}
