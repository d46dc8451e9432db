//! OpenDocument texts, presentations and spreadsheets (OASIS OpenDocument 1.3, part 3), with
//! tracked changes accepted.

use std::collections::HashMap;

use crate::blocks::{self, Block, Kind};
use crate::inline::{self, Span, Style};
use crate::package::{Package, resolve};
use crate::pptx::is_monospaced;
use crate::sheet::{MAX_COLUMNS, Sheets};
use crate::xml::{Element, Node};
use crate::{Attachments, Extracted, Failure, date, document_title, one_line, yaml};

/// Styles may be based on each other in a circle.
const MAX_CHAIN: usize = 16;
/// A repeated row that says something is set this often at most.
const MAX_REPEAT: usize = 1_000;

/// Reads a document of any of the three kinds, which tells its content.
pub(crate) fn odf(bytes: &[u8], kind: &'static str) -> Result<Extracted, Failure> {
    let mut package = Package::open(bytes)?;
    if let Some(manifest) = package.xml("META-INF/manifest.xml")?
        && manifest.find("encryption-data").is_some()
    {
        return Err(Failure::Encrypted);
    }
    let Some(document) = package.xml("content.xml")? else {
        return Err(Failure::Damaged("it has no content part".to_owned()));
    };
    let Some(body) = document.child("body") else {
        return Err(Failure::Damaged("its content part has no body".to_owned()));
    };
    let mut styles = Styles::default();
    if let Some(common) = package.xml("styles.xml")? {
        styles.add(&common);
    }
    styles.add(&document);
    let properties = properties(&mut package, kind)?;
    let mut reader = Reader {
        package,
        styles,
        attachments: Attachments::default(),
        notes: Vec::new(),
        numbers: HashMap::new(),
    };
    let mut title = None;
    let mut warnings = Vec::new();
    let mut text = String::new();
    let mut all = Vec::new();
    for content in body.elements() {
        match &*content.name {
            "spreadsheet" => {
                let mut sheets = Sheets::default();
                content
                    .elements()
                    .filter(|e| &*e.name == "table")
                    .for_each(|t| sheet(t, &mut sheets));
                let (tables, cut) = sheets.finish();
                text.push_str(&tables);
                warnings.extend(cut);
            }
            "presentation" | "drawing" => {
                let pages = content.elements().filter(|e| &*e.name == "page");
                for (n, page) in pages.enumerate() {
                    reader.page(page, n + 1, &mut all)?;
                }
            }
            _ => reader.blocks(content, &mut all)?,
        }
    }
    if let Some(Block { kind: Kind::Title, text }) = all.first() {
        title = one_line(&inline::unescaped(text));
        if title.is_some() {
            all.remove(0);
        }
    }
    text.push_str(&blocks::markdown(&all));
    for (n, note) in reader.notes.iter().enumerate() {
        let note = note.trim().replace('\n', "\n    ");
        text.push_str(&format!("\n[^{}]: {note}\n", n + 1));
    }
    warnings.extend(reader.package.warnings);
    Ok(Extracted {
        title: title.or_else(|| properties.title.clone()),
        body: text,
        attachments: reader.attachments.files,
        warnings,
        ..properties
    })
}

/// What `meta.xml` says of the document.
fn properties(package: &mut Package<'_>, kind: &'static str) -> Result<Extracted, Failure> {
    let meta = package.xml("meta.xml")?;
    let meta = meta.as_ref().and_then(|root| root.child("meta"));
    let field = |name: &str| meta?.child(name).map(Element::text);
    let author = field("initial-creator").or_else(|| field("creator"));
    let keywords = meta.into_iter().flat_map(Element::elements);
    let keywords = keywords.filter(|e| &*e.name == "keyword").map(Element::text);
    Ok(Extracted {
        title: field("title").as_deref().and_then(document_title),
        front_matter: yaml(&[("author", author.as_deref())]),
        tags: crate::keywords(&keywords.collect::<Vec<_>>().join(",")),
        kind,
        created_ms: field("creation-date").and_then(|text| date::parse(&text)),
        updated_ms: field("date").and_then(|text| date::parse(&text)),
        keep_original: true,
        ..Extracted::default()
    })
}

#[derive(Default)]
struct NamedStyle {
    parent: Option<String>,
    /// What a person sees as the style's name.
    shown: String,
    outline: Option<u8>,
    bold: Option<bool>,
    italic: Option<bool>,
    strike: Option<bool>,
    code: Option<bool>,
}

/// Styles by family and name, and which levels of the list styles have numbers.
#[derive(Default)]
struct Styles {
    named: HashMap<(String, String), NamedStyle>,
    ordered: HashMap<String, Vec<usize>>,
}

impl Styles {
    fn add(&mut self, root: &Element) {
        let groups = root.elements().filter(|e| matches!(&*e.name, "styles" | "automatic-styles"));
        for style in groups.flat_map(Element::elements) {
            let Some(name) = style.attribute("name") else { continue };
            match &*style.name {
                "style" => {
                    let family = style.attribute("family").unwrap_or_default().to_owned();
                    let text = style.child("text-properties");
                    let value = |name: &str| text?.attribute(name);
                    let shown = style.attribute("display-name").unwrap_or(name);
                    let outline = style.attribute("default-outline-level");
                    let named = NamedStyle {
                        parent: style.attribute("parent-style-name").map(str::to_owned),
                        shown: shown.replace("_20_", " ").to_lowercase(),
                        outline: outline.and_then(|level| level.parse().ok()),
                        bold: value("font-weight")
                            .map(|weight| !matches!(weight, "normal" | "400")),
                        italic: value("font-style").map(|style| style != "normal"),
                        strike: value("text-line-through-style").map(|style| style != "none"),
                        code: value("font-name").map(is_monospaced).filter(|is| *is),
                    };
                    self.named.insert((family, name.to_owned()), named);
                }
                "list-style" => {
                    let numbered =
                        style.elements().filter(|e| &*e.name == "list-level-style-number");
                    let shows = |level: &&Element| {
                        level.attribute("num-format").is_some_and(|format| !format.is_empty())
                    };
                    let levels = numbered.filter(shows);
                    let levels = levels.filter_map(|l| l.attribute("level")?.parse().ok());
                    self.ordered.insert(name.to_owned(), levels.collect());
                }
                _ => {}
            }
        }
    }

    fn chain(&self, family: &str, name: Option<&str>) -> impl Iterator<Item = &NamedStyle> {
        let get = |name: &str| self.named.get(&(family.to_owned(), name.to_owned()));
        let mut next = name.and_then(get);
        std::iter::from_fn(move || {
            let style = next?;
            next = style.parent.as_deref().and_then(get);
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    /// The look of a span within text of another look.
    fn span(&self, name: Option<&str>, outer: Style) -> Style {
        let pick = |of: fn(&NamedStyle) -> Option<bool>| self.chain("text", name).find_map(of);
        let is_code =
            |style: &NamedStyle| matches!(style.shown.as_str(), "source text" | "teletype");
        Style {
            bold: pick(|style| style.bold).unwrap_or(outer.bold),
            italic: pick(|style| style.italic).unwrap_or(outer.italic),
            strike: pick(|style| style.strike).unwrap_or(outer.strike),
            code: outer.code
                || pick(|style| style.code).unwrap_or(false)
                || self.chain("text", name).any(is_code),
        }
    }

    fn paragraph(&self, name: Option<&str>) -> Kind {
        let known = self.chain("paragraph", name).find_map(|style| {
            Some(match style.shown.as_str() {
                "title" => Kind::Title,
                "preformatted text" | "source code" | "code" => Kind::Code,
                "quotations" | "quote" | "block quotation" => Kind::Quote,
                _ => Kind::Heading(style.outline.filter(|level| (1..=9).contains(level))?),
            })
        });
        let by_name = || match name {
            Some("Title") => Kind::Title,
            Some("Preformatted_20_Text") => Kind::Code,
            Some("Quotations") => Kind::Quote,
            _ => Kind::Text,
        };
        known.unwrap_or_else(by_name)
    }
}

struct Reader<'a> {
    package: Package<'a>,
    styles: Styles,
    attachments: Attachments,
    notes: Vec<String>,
    /// The last number of each list style's top level, for lists that go on.
    numbers: HashMap<String, usize>,
}

/// What holds for the text below an element.
#[derive(Clone, Default)]
struct Context {
    style: Style,
    link: Option<String>,
}

/// The list that an item is in.
struct List<'l> {
    style: &'l str,
    level: usize,
}

impl Reader<'_> {
    fn blocks(&mut self, parent: &Element, out: &mut Vec<Block>) -> Result<(), Failure> {
        parent.elements().try_for_each(|child| self.block(child, out))
    }

    fn block(&mut self, element: &Element, out: &mut Vec<Block>) -> Result<(), Failure> {
        match &*element.name {
            "p" => {
                let kind = self.styles.paragraph(element.attribute("style-name"));
                self.paragraph(element, kind, out)?;
            }
            "h" => self.paragraph(element, heading(element), out)?,
            "list" => self.list(element, None, out)?,
            "table" => self.table(element, out)?,
            "frame" => {
                let mut spans = Vec::new();
                self.frame(element, &mut spans, out)?;
                push_text(&spans, out);
            }
            // Wrappers of content.
            "section" | "index-body" | "index-title" | "text-box" | "g" | "a" | "custom-shape"
            | "rect" | "ellipse" | "table-of-content" | "alphabetical-index" | "bibliography"
            | "table-index" | "illustration-index" | "object-index" | "user-index"
            | "numbered-paragraph" => self.blocks(element, out)?,
            // Text of what nests too deeply.
            "t" => push_text(&[Span::plain(&element.text())], out),
            _ => {}
        }
        Ok(())
    }

    fn paragraph(
        &mut self,
        paragraph: &Element,
        kind: Kind,
        out: &mut Vec<Block>,
    ) -> Result<(), Failure> {
        let mut spans = Vec::new();
        let mut after = Vec::new();
        self.inline(paragraph, &Context::default(), &mut spans, &mut after)?;
        let text = match kind {
            Kind::Code => inline::plain(&spans),
            Kind::Heading(_) | Kind::Title => {
                for span in &mut spans {
                    if let Span::Text { style, .. } = span {
                        *style = Style { code: style.code, ..Style::default() };
                    }
                }
                inline::markdown(&spans, " ")
            }
            _ => inline::markdown(&spans, "\\\n"),
        };
        if !text.trim().is_empty() || kind == Kind::Code {
            out.push(Block { kind, text });
        }
        out.append(&mut after);
        Ok(())
    }

    fn inline(
        &mut self,
        parent: &Element,
        context: &Context,
        out: &mut Vec<Span>,
        after: &mut Vec<Block>,
    ) -> Result<(), Failure> {
        for node in &parent.children {
            let child = match node {
                Node::Text(text) => {
                    text_span(text, context, out);
                    continue;
                }
                Node::Element(child) => child,
            };
            match &*child.name {
                "s" => {
                    let count =
                        child.attribute("c").and_then(|c| c.parse().ok()).unwrap_or(1_usize);
                    raw_span(&" ".repeat(count.min(200)), context, out);
                }
                "tab" => raw_span("\t", context, out),
                "line-break" => out.push(Span::Break),
                "span" => {
                    let style = self.styles.span(child.attribute("style-name"), context.style);
                    self.inline(child, &Context { style, ..context.clone() }, out, after)?;
                }
                "a" => {
                    let target = child.attribute("href").filter(|target| inline::is_link(target));
                    let link = target.map(str::to_owned).or_else(|| context.link.clone());
                    self.inline(child, &Context { link, ..context.clone() }, out, after)?;
                }
                "note" => self.note(child, out)?,
                "annotation" => {
                    let mut blocks = Vec::new();
                    self.blocks(child, &mut blocks)?;
                    let text = blocks::markdown(&blocks);
                    let author = child.child("creator").map(Element::text);
                    let author = author
                        .as_deref()
                        .and_then(one_line)
                        .map_or_else(String::new, |a| format!("{}: ", inline::escape(&a, false)));
                    self.notes.push(format!("{author}{text}"));
                    out.push(Span::Raw(format!("[^{}]", self.notes.len())));
                }
                "frame" => self.frame(child, out, after)?,
                "custom-shape" | "rect" | "ellipse" | "g" => self.blocks(child, after)?,
                "ruby" => {
                    if let Some(base) = child.child("ruby-base") {
                        self.inline(base, context, out, after)?;
                    }
                }
                "annotation-end" | "tracked-changes" | "title" | "desc" | "change" | "object" => {}
                "t" => text_span(&child.text(), context, out),
                _ => self.inline(child, context, out, after)?,
            }
        }
        Ok(())
    }

    fn note(&mut self, note: &Element, out: &mut Vec<Span>) -> Result<(), Failure> {
        let Some(body) = note.child("note-body") else { return Ok(()) };
        let number = self.notes.len() + 1;
        // Its place is kept, since notes may be in notes.
        self.notes.push(String::new());
        let mut blocks = Vec::new();
        self.blocks(body, &mut blocks)?;
        self.notes[number - 1] = blocks::markdown(&blocks);
        out.push(Span::Raw(format!("[^{number}]")));
        Ok(())
    }

    /// A frame's picture into the line; its text box and table after it.
    fn frame(
        &mut self,
        frame: &Element,
        out: &mut Vec<Span>,
        after: &mut Vec<Block>,
    ) -> Result<(), Failure> {
        let alt = frame.child("desc").or_else(|| frame.child("title")).map(Element::text);
        let alt = alt.as_deref().and_then(one_line).unwrap_or_default();
        for child in frame.elements() {
            match &*child.name {
                "image" => {
                    let Some(target) = child.attribute("href") else { continue };
                    let path = resolve("", target);
                    // A drawing of an embedded object has no extension and no viewer.
                    if path.starts_with("ObjectReplacements") {
                        continue;
                    }
                    if let Some(name) = self.package.attach(&path, &mut self.attachments)? {
                        let alt = inline::escape(&alt, false);
                        out.push(Span::Raw(format!("![{alt}]({name})")));
                        // What follows are other forms of the same picture.
                        return Ok(());
                    }
                    if !target.contains("://") {
                        self.package.warn("An image is missing from the document.");
                    }
                }
                "text-box" => self.blocks(child, after)?,
                "table" => self.table(child, after)?,
                "object" => {
                    if let Some(path) = child.attribute("href") {
                        self.object(&resolve("", path), out)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// An embedded formula's source, as LibreOffice annotates it.
    fn object(&mut self, folder: &str, out: &mut Vec<Span>) -> Result<(), Failure> {
        let Some(content) = self.package.xml(&format!("{folder}/content.xml"))? else {
            return Ok(());
        };
        if let Some(source) = content.find("annotation").filter(|_| &*content.name == "math") {
            let style = Style { code: true, ..Style::default() };
            out.push(Span::Text { text: source.text(), style, link: None });
        }
        Ok(())
    }

    fn list(
        &mut self,
        list: &Element,
        outer: Option<&List<'_>>,
        out: &mut Vec<Block>,
    ) -> Result<(), Failure> {
        let style = list.attribute("style-name").or(outer.map(|outer| outer.style)).unwrap_or("");
        let level = outer.map_or(0, |outer| outer.level + 1);
        let ordered = self.styles.ordered.get(style).is_some_and(|l| l.contains(&(level + 1)));
        let goes_on = level == 0
            && (list.attribute("continue-numbering") == Some("true")
                || list.attribute("continue-list").is_some());
        let mut number = if goes_on { self.numbers.get(style).copied().unwrap_or(0) } else { 0 };
        let here = List { style, level };
        for item in list.elements() {
            let is_item = &*item.name == "list-item";
            if !is_item && &*item.name != "list-header" {
                self.block(item, out)?;
                continue;
            }
            if is_item {
                let start = item.attribute("start-value").and_then(|n| n.parse().ok());
                number = start.unwrap_or(number + 1);
            }
            let mut marked = false;
            for child in item.elements() {
                match &*child.name {
                    "list" => {
                        self.list(child, Some(&here), out)?;
                        continue;
                    }
                    "p" | "h" if !marked && is_item => {
                        marked = true;
                        let mut blocks = Vec::new();
                        self.paragraph(child, Kind::Text, &mut blocks)?;
                        for block in &mut blocks {
                            if block.kind == Kind::Text {
                                let list = style.to_owned();
                                block.kind = Kind::Item { level, list, ordered, number };
                                break;
                            }
                        }
                        // A numbered heading is a heading.
                        if let ("h", Some(block)) = (&*child.name, blocks.first_mut()) {
                            block.kind = heading(child);
                        }
                        out.append(&mut blocks);
                    }
                    // Further paragraphs of the item.
                    "p" => {
                        let mut blocks = Vec::new();
                        self.paragraph(child, Kind::Text, &mut blocks)?;
                        for block in blocks {
                            match (out.last_mut(), &block.kind) {
                                (Some(Block { kind: Kind::Item { .. }, text }), Kind::Text) => {
                                    text.push_str("\n\n");
                                    text.push_str(&block.text);
                                }
                                _ => out.push(block),
                            }
                        }
                    }
                    _ => self.block(child, out)?,
                }
            }
        }
        if level == 0 {
            self.numbers.insert(style.to_owned(), number);
        }
        Ok(())
    }

    fn table(&mut self, table: &Element, out: &mut Vec<Block>) -> Result<(), Failure> {
        let mut rows = Vec::new();
        collect(table, &mut rows);
        if rows.is_empty() {
            return self.blocks(table, out);
        }
        let mut cells: Vec<Vec<Vec<Block>>> = Vec::new();
        for row in rows {
            let mut line: Vec<Vec<Block>> = Vec::new();
            for cell in row.elements() {
                let mut content = Vec::new();
                match &*cell.name {
                    "table-cell" => self.blocks(cell, &mut content)?,
                    "covered-table-cell" => {}
                    _ => self.block(cell, &mut content)?,
                }
                let repeated = repeat(cell, "number-columns-repeated", MAX_COLUMNS);
                let room = MAX_COLUMNS.saturating_sub(line.len());
                line.extend(std::iter::repeat_n(content, repeated.min(room)));
            }
            while line.pop_if(|cell| cell.is_empty()).is_some() {}
            cells.push(line);
        }
        blocks::table(cells, out);
        Ok(())
    }

    /// A slide: its title as a heading, its content, its notes as a quotation.
    fn page(&mut self, page: &Element, number: usize, out: &mut Vec<Block>) -> Result<(), Failure> {
        let start = out.len();
        let mut title = None;
        for child in page.elements() {
            let class = child.attribute("class");
            match &*child.name {
                "notes" => {
                    let begin = out.len();
                    let frames = child.elements().filter(|e| &*e.name == "frame");
                    for frame in frames.filter(|e| e.attribute("class") == Some("notes")) {
                        self.frame(frame, &mut Vec::new(), out)?;
                    }
                    for block in &mut out[begin..] {
                        block.kind = Kind::Quote;
                    }
                }
                _ if matches!(class, Some("date-time" | "page-number" | "footer" | "header")) => {}
                "frame" if class == Some("title") && title.is_none() => {
                    let mut blocks = Vec::new();
                    self.frame(child, &mut Vec::new(), &mut blocks)?;
                    let text: Vec<String> = blocks.into_iter().map(|block| block.text).collect();
                    title = Some(text.join(" ").replace("\\\n", " ").replace('\n', " "));
                }
                _ => self.block(child, out)?,
            }
        }
        let title = title.filter(|title| !title.trim().is_empty());
        let text = title.unwrap_or_else(|| format!("Slide {number}"));
        out.insert(start, Block { kind: Kind::Heading(2), text });
        Ok(())
    }
}

fn heading(element: &Element) -> Kind {
    let level = element.attribute("outline-level").and_then(|level| level.parse().ok());
    Kind::Heading(level.unwrap_or(1_u8).clamp(1, 9))
}

fn push_text(spans: &[Span], out: &mut Vec<Block>) {
    let text = inline::markdown(spans, "\\\n");
    if !text.is_empty() {
        out.push(Block { kind: Kind::Text, text });
    }
}

/// White space is as in HTML: a run of it counts as one space, at the begin as none.
fn text_span(text: &str, context: &Context, out: &mut Vec<Span>) {
    let mut collapsed = String::with_capacity(text.len());
    let mut after_space = match out.last() {
        None | Some(Span::Break) => true,
        Some(Span::Text { text, .. }) => text.ends_with([' ', '\t']),
        Some(Span::Raw(_)) => false,
    };
    for c in text.chars() {
        let is_space = matches!(c, ' ' | '\t' | '\n' | '\r');
        if !(is_space && after_space) {
            collapsed.push(if is_space { ' ' } else { c });
        }
        after_space = is_space;
    }
    raw_span(&collapsed, context, out);
}

fn raw_span(text: &str, context: &Context, out: &mut Vec<Span>) {
    let text: String = text.chars().filter(|c| *c != '\u{ad}').collect();
    out.push(Span::Text { text, style: context.style, link: context.link.clone() });
}

/// The rows of a table, through the groups that they may be in.
fn collect<'e>(table: &'e Element, out: &mut Vec<&'e Element>) {
    for child in table.elements() {
        match &*child.name {
            "table-row" => out.push(child),
            "table-rows" | "table-header-rows" | "table-row-group" => collect(child, out),
            _ => {}
        }
    }
}

fn repeat(element: &Element, attribute: &str, most: usize) -> usize {
    let count = element.attribute(attribute).and_then(|count| count.parse().ok());
    count.unwrap_or(1_usize).clamp(1, most)
}

/// A sheet's cells as they are shown. Repeated empty ones fill the grid to its end.
fn sheet(table: &Element, sheets: &mut Sheets) {
    if sheets.is_full() {
        return;
    }
    sheets.start(table.attribute("name").unwrap_or_default());
    let mut rows = Vec::new();
    collect(table, &mut rows);
    for row in rows {
        let mut line: Vec<String> = Vec::new();
        for cell in row.elements() {
            let mut text = String::new();
            match &*cell.name {
                "table-cell" => {
                    let paragraphs = cell.elements().filter(|e| matches!(&*e.name, "p" | "t"));
                    let lines: Vec<String> = paragraphs.map(shown).collect();
                    text = lines.join("\n");
                }
                "covered-table-cell" => {}
                _ => continue,
            }
            let repeated = repeat(cell, "number-columns-repeated", MAX_COLUMNS);
            // One more than there is room for tells that columns were cut.
            let room = (MAX_COLUMNS + 1).saturating_sub(line.len());
            line.extend(std::iter::repeat_n(text, repeated.min(room)));
        }
        for _ in 0..repeat(row, "number-rows-repeated", MAX_REPEAT) {
            if line.iter().all(|cell| cell.trim().is_empty()) {
                break;
            }
            if !sheets.push(line.clone()) {
                return;
            }
        }
    }
}

/// A cell's paragraph as plain text.
fn shown(paragraph: &Element) -> String {
    let mut out = String::new();
    for node in &paragraph.children {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Element(element) => match &*element.name {
                "s" | "tab" | "line-break" => out.push(' '),
                "annotation" => {}
                _ => out.push_str(&shown(element)),
            },
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::zip_of;

    const STYLES: &str = r#"<office:automatic-styles><style:style style:name="B" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style><style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/><style:style style:name="Title" style:family="paragraph"/><text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1"/><text:list-level-style-bullet text:level="2"/></text:list-style></office:automatic-styles>"#;

    fn file(body: &str) -> Vec<u8> {
        let content = format!(
            "<office:document-content>{STYLES}<office:body>{body}</office:body></office:document-content>"
        );
        let meta = "<office:document-meta><office:meta><dc:title>Named</dc:title><meta:initial-creator>Ann</meta:initial-creator><meta:keyword>one</meta:keyword><meta:keyword>two words</meta:keyword><meta:creation-date>1970-01-01T00:00:01</meta:creation-date></office:meta></office:document-meta>";
        zip_of(&[("content.xml", &content), ("meta.xml", meta), ("Pictures/a.png", "picture")])
    }

    fn text(body: &str) -> Extracted {
        odf(&file(&format!("<office:text>{body}</office:text>")), "odt").expect("a text")
    }

    #[test]
    fn texts() {
        let check = |body: &str, expected: &str| assert_eq!(text(body).body, expected, "{body}");
        check("", "");
        check(
            "<text:h text:outline-level=\"2\">H</text:h><text:p>a <text:span text:style-name=\"B\">b</text:span>\n  c<text:s text:c=\"2\"/>d</text:p>",
            "## H\n\na **b** c  d\n",
        );
        check(
            "<text:list text:style-name=\"L\"><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>c</text:p><text:p>d</text:p></text:list-item></text:list>",
            "1. a\n   - b\n2. c\n   \n   d\n",
        );
        check(
            "<text:p>x<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>below</text:p></text:note-body></text:note></text:p>",
            "x[^1]\n\n[^1]: below\n",
        );
        check(
            "<text:p><text:a xlink:href=\"http://x/\">far</text:a> <draw:frame><draw:image xlink:href=\"Pictures/a.png\"/><svg:desc>A cat</svg:desc></draw:frame></text:p>",
            "[far](http://x/) ![A cat](a.png)\n",
        );
        check(
            "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>kept</text:p>",
            "kept\n",
        );
        let cell =
            |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
        check(
            &format!(
                "<table:table><table:table-row>{}{}</table:table-row></table:table>",
                cell("a"),
                cell("b|")
            ),
            "| a | b\\| |\n| --- | --- |\n",
        );
        let read = text("<text:p text:style-name=\"P1\">On the page</text:p><text:p>x</text:p>");
        assert_eq!((read.title.as_deref(), read.body.as_str()), (Some("On the page"), "x\n"));
        assert_eq!(read.tags, ["one", "two-words"]);
        assert_eq!(
            (read.created_ms, read.front_matter.as_str()),
            (Some(1000), "author: \"Ann\"\n")
        );
    }

    #[test]
    fn spreadsheets_and_slides() {
        let sheet = "<office:spreadsheet><table:table table:name=\"S\"><table:table-row><table:table-cell office:value=\"1.234\"><text:p>1.23</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"2\"><text:p>x</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"16000\"/></table:table-row><table:table-row table:number-rows-repeated=\"1048575\"><table:table-cell/></table:table-row></table:table></office:spreadsheet>";
        let read = odf(&file(sheet), "ods").expect("a sheet");
        assert_eq!(read.body, "## S\n\n| 1.23 | x | x |\n| --- | --- | --- |\n");
        assert_eq!(read.warnings.len(), 0);
        let slide = "<office:presentation><draw:page><draw:frame presentation:class=\"outline\"><draw:text-box><text:list><text:list-item><text:p>a</text:p></text:list-item></text:list></draw:text-box></draw:frame><draw:frame presentation:class=\"title\"><draw:text-box><text:p>T</text:p></draw:text-box></draw:frame><presentation:notes><draw:frame presentation:class=\"notes\"><draw:text-box><text:p>say</text:p></draw:text-box></draw:frame></presentation:notes></draw:page></office:presentation>";
        assert_eq!(odf(&file(slide), "odp").expect("slides").body, "## T\n\n- a\n\n> say\n");
    }

    #[test]
    fn hostile_documents() {
        let repeated = "<office:spreadsheet><table:table><table:table-row table:number-rows-repeated=\"4000000000\"><table:table-cell table:number-columns-repeated=\"4000000000\"><text:p>xxxxxxxx</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>";
        let many = repeated.repeat(50);
        assert!(odf(&file(&many), "ods").expect("a sheet").body.len() < 512 << 20);
        let deep = format!("{}<text:p>deep</text:p>", "<text:list><text:list-item>".repeat(20_000));
        assert!(text(&deep).body.contains("deep"));
        let deep = format!(
            "{}<text:p>deep</text:p>",
            "<table:table><table:table-row><table:table-cell>".repeat(20_000)
        );
        assert!(text(&deep).body.contains("deep"));
        assert!(text("<text:p><text:s text:c=\"4000000000\"/>x</text:p>").body.len() < 1000);
        let secret = zip_of(&[
            (
                "META-INF/manifest.xml",
                "<manifest><file-entry><encryption-data/></file-entry></manifest>",
            ),
            ("content.xml", "x"),
        ]);
        assert!(matches!(odf(&secret, "odt"), Err(Failure::Encrypted)));
        assert!(matches!(odf(b"PK", "odt"), Err(Failure::Damaged(_))));
    }
}
