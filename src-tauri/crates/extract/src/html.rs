//! Web pages: the main content, or the whole body where no article stands out, to Markdown.

use dom_query::{Document, NodeRef};
use dom_smoothie::{Config, Metadata, Readability};
use encoding_rs::Encoding;
use htmd::element_handler::{HandlerResult, Handlers};
use htmd::options::{BrStyle, BulletListMarker, HrStyle, Options};
use htmd::{Element, HtmlToMarkdown, Node};
use markup5ever_rcdom::NodeData;

use crate::clean::clean;
use crate::{Attachments, Extracted, Failure, date, enml, one_line, text, yaml};

/// Readability looks at each element several times; pages with more are taken whole.
const MAX_ARTICLE_SOURCE: usize = 8 << 20;
/// The parser keeps about twenty times its source in memory.
const MAX_SOURCE: usize = 48 << 20;
/// Browsers look for the encoding's declaration no further.
const DECLARATION_BYTES: usize = 4096;
/// Characters that make a text a page's article even beside much else, as in Firefox's reader view.
const ARTICLE_CHARS: usize = 500;
/// Wider cells are a mistake, or an attack.
const MAX_COLSPAN: usize = 64;
/// How many Latin letters a Chinese character stands for, about.
const DENSITY: usize = 3;

pub(crate) fn html(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (source, _) = text::decode(bytes, declared_encoding(bytes));
    if source.bytes().filter(|b| matches!(b, 0..=8 | 14..=26)).count() * 50 > source.len() + 50 {
        return Err(Failure::Binary);
    }
    let mut warnings = Vec::new();
    let mut attachments = Attachments::default();
    let cleaned = clean(&text::tidy(&source), &mut attachments);
    drop(source);
    if cleaned.html.len() > MAX_SOURCE {
        return Err(Failure::TooLarge(MAX_SOURCE));
    }
    if cleaned.flattened {
        warnings.push("Elements nested too deeply lost their formatting.".to_owned());
    }
    let page = Document::from(cleaned.html.as_str());
    let address = address(&page).or(cleaned.saved_from);
    let has_content = page.select("body *").exists();
    let (meta, article) = if cleaned.html.len() <= MAX_ARTICLE_SOURCE && has_content {
        readable(&cleaned.html, is_dense(&page.select("body").text()))
    } else {
        (Metadata::default(), None)
    };
    drop(cleaned.html);

    let mut markdown = if is_of_note_app(&page) {
        let body = page.select("body").html();
        enml::markdown(&body, &mut attachments, &mut enml::Nothing)?
    } else {
        let body = whole_body(&page);
        to_markdown(&article.unwrap_or(body))?
    };
    let title = one_line(&meta.title).or_else(|| one_line(&page.select("title").text()));
    let title = title.or_else(|| one_line(&page.select("h1").first().text()));
    if let Some(title) = &title {
        markdown = without_title(&markdown, title);
    }
    let used = |name: &str| markdown.contains(&format!("]({name})"));
    attachments.files.retain(|file| used(&file.name));

    let named = |name: &str| {
        let metas = page.select("meta[name]");
        let meta =
            metas.nodes().iter().find(|meta| attribute(meta, "name").eq_ignore_ascii_case(name));
        meta.map(|meta| attribute(meta, "content"))
    };
    let author = meta
        .byline
        .as_deref()
        .and_then(author)
        .or_else(|| named("author").and_then(|a| author(&a)));
    let published =
        meta.published_time.or_else(|| named("date")).or_else(|| named("dcterms.created"));
    let created_ms = published.as_deref().and_then(date::parse);
    let created = published.filter(|_| created_ms.is_some());
    Ok(Extracted {
        title,
        front_matter: yaml(&[
            ("source", address.as_deref()),
            ("author", author.as_deref()),
            ("created", created.as_deref()),
        ]),
        body: markdown,
        tags: named("keywords").map(|words| crate::keywords(&words)).unwrap_or_default(),
        kind: "html",
        created_ms,
        updated_ms: meta.modified_time.as_deref().and_then(date::parse),
        attachments: attachments.files,
        warnings,
        keep_original: true,
        ..Extracted::default()
    })
}

/// Markdown of a page that is part of another document: all of its body. `locate` gives the name of
/// the attachment that a picture's address stands for; links that lead to no address on the web
/// become text.
pub(crate) fn content(
    bytes: &[u8],
    attachments: &mut Attachments,
    locate: &mut dyn FnMut(&str, &mut Attachments) -> Option<String>,
) -> Result<String, Failure> {
    linked(bytes, "body", attachments, locate, &mut |_, _| None)
}

/// As [`content`], of the elements that `selector` finds, or of all if there are none; `link` gives
/// what becomes of a link that leads to no address on the web.
pub(crate) fn linked(
    bytes: &[u8],
    selector: &str,
    attachments: &mut Attachments,
    locate: &mut dyn FnMut(&str, &mut Attachments) -> Option<String>,
    link: &mut dyn FnMut(&str, &mut Attachments) -> Option<String>,
) -> Result<String, Failure> {
    let (source, _) = text::decode(bytes, declared_encoding(bytes));
    let cleaned = clean(&text::tidy(&source), attachments);
    drop(source);
    if cleaned.html.len() > MAX_SOURCE {
        return Err(Failure::TooLarge(MAX_SOURCE));
    }
    let page = Document::from(cleaned.html.as_str());
    drop(cleaned.html);
    for image in page.select("img[src]").nodes() {
        if let Some(name) = locate(&attribute(image, "src"), attachments) {
            image.set_attr("src", &name);
        }
    }
    for anchor in page.select("a[href]").nodes() {
        let target = attribute(anchor, "href");
        if let Some(other) = link(&target, attachments) {
            anchor.set_attr("href", &other);
        } else if !is_web(&target) && !target.starts_with("mailto:") {
            anchor.remove_attr("href");
        }
    }
    let chosen = page.select(selector);
    let chosen = if chosen.exists() { chosen } else { page.select("body") };
    to_markdown(&chosen.html())
}

/// The encoding that the page declares, in a `meta` element or as XML does.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head =
        String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES)]).to_ascii_lowercase();
    let xml = head.trim_start().starts_with("<?xml");
    let label = |key: &str| {
        let rest = head[head.find(key)? + key.len()..].trim_start().strip_prefix('=')?;
        let rest = rest.trim_start().trim_start_matches(['"', '\'']);
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '>' | '/'));
        Encoding::for_label(&rest.as_bytes()[..end.unwrap_or(rest.len())])
    };
    // A declaration that can be read as bytes is not one of UTF-16.
    let found = label("charset").or_else(|| if xml { label("encoding") } else { None });
    found.map(|encoding| encoding.output_encoding())
}

fn attribute(node: &NodeRef<'_>, name: &str) -> String {
    node.attr(name).map(|value| value.to_string()).unwrap_or_default()
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Where the page is from, by its own word.
fn address(page: &Document) -> Option<String> {
    let candidates =
        [("link[rel=\"canonical\"]", "href"), ("meta[property=\"og:url\"]", "content")];
    candidates.iter().find_map(|(selector, name)| {
        let url = page.select(selector).first().attr(name)?.trim().to_owned();
        is_web(&url).then_some(url)
    })
}

/// A name as in a byline; some sites put an address or nothing much there.
fn author(text: &str) -> Option<String> {
    let line = one_line(text)?;
    let name =
        ["by ", "By ", "BY ", "By: "].iter().find_map(|by| line.strip_prefix(by)).unwrap_or(&line);
    (!is_web(name) && name.chars().any(char::is_alphabetic)).then(|| name.to_owned())
}

/// Whether most letters are Chinese or Japanese, which say more each.
fn is_dense(text: &str) -> bool {
    let letters = || text.chars().filter(|c| c.is_alphabetic()).take(100_000);
    letters().filter(|c| matches!(c, '\u{3040}'..='\u{9fff}')).count() * 2 > letters().count()
}

/// Whether lines are `div`s and there is nothing else of a page: as Apple Notes has its notes.
fn is_of_note_app(page: &Document) -> bool {
    let lines = page.select("body > div");
    let page_like = "p, article, main, section, header, footer, nav, form, script, [role]";
    let empty = |line: &NodeRef<'_>| {
        let children = line.children();
        children.len() == 1 && children[0].has_name("br")
    };
    lines.exists()
        && (page.select("head > *").is_empty() || lines.nodes().iter().any(empty))
        && !page.select("body").select(page_like).exists()
}

/// What the page says of itself, and its article's HTML if one stands out.
fn readable(source: &str, dense: bool) -> (Metadata, Option<String>) {
    let config = Config::default();
    let scale = if dense { DENSITY } else { 1 };
    let least = ARTICLE_CHARS / scale;
    let config = Config {
        char_threshold: ARTICLE_CHARS,
        readable_min_content_length: config.readable_min_content_length / scale,
        ..config
    };
    let Ok(mut reader) = Readability::new(source, None, Some(config)) else {
        return (Metadata::default(), None);
    };
    let meta = reader.get_article_metadata(reader.parse_json_ld());
    if !reader.is_probably_readable() {
        return (meta, None);
    }
    let Ok(article) = reader.parse() else { return (meta, None) };
    let enough = article.length >= least;
    (meta, enough.then(|| article.content.to_string()))
}

/// The body's HTML without what surrounds the content on every page of a site.
fn whole_body(page: &Document) -> String {
    let noise = "nav, footer, aside, noscript, button, select, [hidden], [role=\"navigation\"], [role=\"banner\"], \
         [role=\"contentinfo\"], [role=\"search\"], dialog, svg, canvas";
    let body = page.select("body").first();
    let main = page.select("main, [role=\"main\"]");
    let articles = page.select("article");
    let chosen = if main.length() == 1 {
        main
    } else if articles.length() == 1 {
        articles
    } else {
        body.clone()
    };
    let chosen = if chosen.text().trim().is_empty() { body } else { chosen };
    chosen.select(noise).remove();
    chosen.html().to_string()
}

/// Markdown of HTML that was cleaned.
pub(crate) fn to_markdown(html: &str) -> Result<String, Failure> {
    let options = Options {
        br_style: BrStyle::Backslash,
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        hr_style: HrStyle::Dashes,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder()
        .options(options)
        .skip_tags(vec![
            "script", "style", "head", "title", "template", "noscript", "button", "select",
        ])
        .add_handler(vec!["input"], |_: &dyn Handlers, element: Element| {
            let value = |name: &str| {
                element.attrs.iter().find(|a| &*a.name.local == name).map(|a| a.value.to_string())
            };
            let is_box = value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox"));
            is_box.then(|| if value("checked").is_some() { "[x] ".into() } else { "[ ] ".into() })
        })
        .add_handler(vec!["mark"], |handlers: &dyn Handlers, element: Element| {
            let content = handlers.walk_children(element.node).content;
            let marked = content.trim();
            let spaces = content.len() - content.trim_end().len();
            let plain = marked.is_empty() || marked.contains("==") || marked.contains('\n');
            Some(if plain {
                content.into()
            } else {
                format!("=={marked}=={}", &content[content.len() - spaces..]).into()
            })
        })
        .add_handler(vec!["table"], |handlers: &dyn Handlers, element: Element| {
            Some(table(handlers, element.node))
        })
        .build();
    let markdown = converter.convert(html).map_err(|error| Failure::Damaged(error.to_string()))?;
    Ok(tidy_markdown(&markdown))
}

fn tag(node: &Node) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => &name.local,
        _ => "",
    }
}

struct Row {
    cells: Vec<String>,
    is_header: bool,
    /// Whether a cell holds more than a line, as tables do that only lay out a page.
    has_blocks: bool,
}

/// A table as Markdown, or as the blocks in its cells where it only lays out a page. (htmd's own
/// handler loses the headings of rows, and pads all cells of a column to the widest.)
fn table(handlers: &dyn Handlers, table: &Node) -> HandlerResult {
    let mut rows = Vec::new();
    let mut captions = String::new();
    for child in table.children.borrow().iter() {
        match tag(child) {
            "caption" => {
                captions.push_str(&format!("\n\n{}", handlers.walk_children(child).content.trim()))
            }
            "tr" => rows.push(row(handlers, child)),
            "thead" | "tbody" | "tfoot" => {
                let children = child.children.borrow();
                rows.extend(
                    children
                        .iter()
                        .filter(|node| tag(node) == "tr")
                        .map(|node| row(handlers, node)),
                );
            }
            _ => {}
        }
    }
    rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let has_header = rows.first().is_some_and(|row| row.is_header);
    let is_grid =
        rows.len() > 1 && rows.iter().all(|row| row.cells.len() == columns && !row.has_blocks);
    let mut out = format!("{captions}\n\n");
    if columns < 2 || !(has_header || is_grid) || within_cell(table) {
        for row in rows {
            let blocks = row.cells.iter().filter(|cell| !cell.is_empty());
            out.extend(blocks.flat_map(|cell| [cell, "\n\n"]));
        }
        return out.into();
    }
    let mut rows = rows.into_iter().peekable();
    let mut header =
        if has_header { rows.next().map(|row| row.cells).unwrap_or_default() } else { Vec::new() };
    header.resize(columns, String::new());
    write_row(&header, &mut out);
    out.push_str(&format!("|{}\n", " --- |".repeat(columns)));
    rows.for_each(|row| write_row(&row.cells, &mut out));
    out.push('\n');
    out.into()
}

fn row(handlers: &dyn Handlers, node: &Node) -> Row {
    let mut row = Row { cells: Vec::new(), is_header: true, has_blocks: false };
    for cell in node.children.borrow().iter() {
        let NodeData::Element { attrs, .. } = &cell.data else { continue };
        if !matches!(tag(cell), "td" | "th") {
            continue;
        }
        row.is_header &= tag(cell) == "th" || row.cells.is_empty();
        let content =
            handlers.walk_children(cell).content.trim_matches([' ', '\n', '\t']).to_owned();
        row.has_blocks |= content.contains('\n');
        row.cells.push(content);
        let attributes = attrs.borrow();
        let span = attributes.iter().find(|attribute| &*attribute.name.local == "colspan");
        let span = span.and_then(|span| span.value.trim().parse().ok()).unwrap_or(1_usize);
        row.cells.extend(std::iter::repeat_n(String::new(), span.clamp(1, MAX_COLSPAN) - 1));
    }
    let any_heading = node.children.borrow().iter().any(|cell| tag(cell) == "th");
    let in_head = parent(node).is_some_and(|parent| tag(&parent) == "thead");
    row.is_header = (row.is_header && any_heading) || in_head;
    row
}

fn parent(node: &Node) -> Option<std::rc::Rc<Node>> {
    let weak = node.parent.take();
    let parent = weak.as_ref().and_then(std::rc::Weak::upgrade);
    node.parent.set(weak);
    parent
}

fn within_cell(node: &Node) -> bool {
    let mut next = parent(node);
    while let Some(node) = next {
        if matches!(tag(&node), "td" | "th") {
            return is_in_grid(&node);
        }
        next = parent(&node);
    }
    false
}

/// Whether a cell's table has headings, and so becomes a Markdown table, whose cells hold no others.
fn is_in_grid(cell: &Node) -> bool {
    let siblings = parent(cell);
    siblings.is_some_and(|row| {
        row.children.borrow().iter().filter(|n| matches!(tag(n), "td" | "th")).count() > 1
    })
}

/// One line; a cell's lines become breaks.
fn write_row(cells: &[String], out: &mut String) {
    out.push('|');
    for cell in cells {
        let mut text = String::with_capacity(cell.len());
        let mut joint = "";
        for line in cell.lines() {
            let line = line.trim();
            let ends = line.is_empty() || line == "\\";
            if ends {
                joint = "<br>";
                continue;
            }
            let is_item = line.starts_with("- ")
                || line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(". ");
            if !text.is_empty() {
                text.push_str(if is_item { "<br>" } else { joint });
            }
            let (line, breaks) =
                line.strip_suffix('\\').map_or((line, false), |line| (line.trim_end(), true));
            joint = if breaks { "<br>" } else { " " };
            text.push_str(&line.replace("\\|", "|").replace('|', "\\|"));
        }
        out.push(' ');
        out.push_str(&text);
        out.push_str(if text.is_empty() { "|" } else { " |" });
    }
    out.push('\n');
}

/// At most one empty line in a row, and none but one line end at the end.
fn tidy_markdown(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut empty = 0;
    for line in markdown.lines() {
        // Indentation by such spaces would turn into code.
        let line = if line.trim_start_matches(' ').starts_with('\u{a0}') {
            line.trim_start()
        } else {
            line
        };
        let line = line.trim_end().replace('\u{a0}', " ");
        // A break at the end of a paragraph is no break.
        let line = if matches!(line.trim(), "" | "\\") { "" } else { line.as_str() };
        if line.is_empty() && out.ends_with("\\\n") && !out.ends_with("\\\\\n") {
            out.truncate(out.len() - 2);
            out.push('\n');
        }
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 1 && !(out.is_empty() && line.is_empty()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The text without a first heading that only repeats the title.
fn without_title(markdown: &str, title: &str) -> String {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let first = markdown.lines().next().unwrap_or_default();
    let heading = first.trim_start_matches('#');
    if heading.len() < first.len() && !plain(title).is_empty() && plain(heading) == plain(title) {
        return markdown[first.len()..].trim_start().to_owned();
    }
    markdown.to_owned()
}
