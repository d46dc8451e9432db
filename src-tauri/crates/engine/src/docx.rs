//! Notes as a Word document: the least of Office Open XML (ECMA-376, transitional) that Word and
//! LibreOffice open without complaint.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::error::{Error, Result};
use crate::html::escape;
use crate::pages::{Page, Picture, is_outside, parse};

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// English metric units: per pixel at 96 dpi, and the widest that fits a page.
const EMU_PER_PIXEL: u64 = 9_525;
const WIDEST: u64 = 5_700_000;
/// Lists deeper than this are written as deep as this.
const DEEPEST: usize = 8;
/// Numbers of the two kinds of lists; every numbered list gets one of its own from `NUMBERED` on.
const BULLETS: usize = 1;
const NUMBERED: usize = 2;

/// The bytes of a document with all notes, each on a page of its own.
pub(crate) fn docx(pages: &[Page]) -> Result<Vec<u8>> {
    let mut document = Document::default();
    for (number, page) in pages.iter().enumerate() {
        document.page(page, number > 0);
    }
    document.package().map_err(Error::internal)
}

#[derive(Default)]
struct Document {
    body: String,
    /// Relations of the document to links and pictures: type, target, whether it is outside.
    relations: Vec<(&'static str, String, bool)>,
    media: Vec<(String, Vec<u8>)>,
    /// Numbered lists so far, with their first number.
    numbered: Vec<u64>,
}

/// How a run of text looks.
#[derive(Clone, Copy, Default)]
struct Look {
    bold: bool,
    italic: bool,
    struck: bool,
    code: bool,
    link: bool,
    raised: bool,
}

/// Where in the document a run stands.
#[derive(Default)]
struct Place {
    /// Numbers of the open lists.
    lists: Vec<usize>,
    quotes: usize,
    open: bool,
    /// The next paragraph is the first of its item, and gets the bullet.
    item: bool,
    in_code: bool,
    in_head: bool,
    heading: Option<usize>,
}

impl Document {
    fn page(&mut self, page: &Page, breaks: bool) {
        let breaks = if breaks { "<w:pageBreakBefore/>" } else { "" };
        write!(self.body, "<w:p><w:pPr><w:pStyle w:val=\"Title\"/>{breaks}</w:pPr>")
            .expect("a String takes all");
        self.run(&page.title, Look::default());
        self.body.push_str("</w:p><w:p><w:pPr><w:pStyle w:val=\"Subtitle\"/></w:pPr>");
        self.run(&page.meta.join(" · "), Look::default());
        self.body.push_str("</w:p>");
        self.text(page);
    }

    fn run(&mut self, text: &str, look: Look) {
        if text.is_empty() {
            return;
        }
        self.body.push_str("<w:r><w:rPr>");
        for (set, mark) in [
            (look.link, "<w:rStyle w:val=\"Hyperlink\"/>"),
            (
                look.code,
                "<w:rFonts w:ascii=\"Courier New\" w:hAnsi=\"Courier New\" w:cs=\"Courier New\"/>",
            ),
            (look.bold, "<w:b/>"),
            (look.italic, "<w:i/>"),
            (look.struck, "<w:strike/>"),
            (look.raised, "<w:vertAlign w:val=\"superscript\"/>"),
        ] {
            if set {
                self.body.push_str(mark);
            }
        }
        self.body.push_str("</w:rPr>");
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.body.push_str("<w:br/>");
            }
            self.body.push_str("<w:t xml:space=\"preserve\">");
            escape(&mut self.body, line);
            self.body.push_str("</w:t>");
        }
        self.body.push_str("</w:r>");
    }

    /// Opens a paragraph, if none is open.
    fn open(&mut self, place: &mut Place) {
        if std::mem::replace(&mut place.open, true) {
            return;
        }
        self.body.push_str("<w:p><w:pPr>");
        if let Some(level) = place.heading {
            write!(self.body, "<w:pStyle w:val=\"Heading{level}\"/>").expect("a String takes all");
        } else if place.in_code {
            self.body.push_str("<w:pStyle w:val=\"Code\"/>");
        } else if place.quotes > 0 {
            self.body.push_str("<w:pStyle w:val=\"Quote\"/>");
        }
        let depth = place.lists.len().min(DEEPEST + 1);
        match place.lists.last() {
            Some(list) if std::mem::take(&mut place.item) => {
                write!(
                    self.body,
                    "<w:numPr><w:ilvl w:val=\"{}\"/><w:numId w:val=\"{list}\"/></w:numPr>",
                    depth - 1
                )
                .expect("a String takes all");
            }
            Some(_) => {
                write!(self.body, "<w:ind w:left=\"{}\"/>", 720 * depth)
                    .expect("a String takes all");
            }
            None => {}
        }
        self.body.push_str("</w:pPr>");
    }

    fn close(&mut self, place: &mut Place) {
        if std::mem::take(&mut place.open) {
            self.body.push_str("</w:p>");
        }
    }

    fn text(&mut self, page: &Page) {
        let mut place = Place::default();
        let mut looks = vec![Look::default()];
        let mut picture: Option<(String, String)> = None;
        for event in parse(&page.body) {
            let look = looks.last().copied().unwrap_or_default();
            if let Some((_, name)) = &mut picture {
                match &event {
                    Event::Text(text) | Event::Code(text) => name.push_str(text),
                    Event::End(TagEnd::Image) => {
                        let (target, name) = picture.take().unwrap_or_default();
                        self.open(&mut place);
                        self.picture(page, &target, &name);
                    }
                    _ => {}
                }
                continue;
            }
            match event {
                Event::Text(text) => {
                    let text = if place.in_code { text.trim_end_matches('\n') } else { &*text };
                    self.open(&mut place);
                    let bold = look.bold || place.in_head;
                    self.run(text, Look { code: look.code || place.in_code, bold, ..look });
                }
                Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                    self.open(&mut place);
                    self.run(&text, Look { code: true, ..look });
                }
                Event::SoftBreak => self.run(" ", look),
                Event::HardBreak => self.run("\n", look),
                Event::Rule => self.body.push_str(
                    "<w:p><w:pPr><w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"999999\"/></w:pBdr></w:pPr></w:p>",
                ),
                Event::TaskListMarker(done) => {
                    self.open(&mut place);
                    self.run(if done { "☑ " } else { "☐ " }, look);
                }
                Event::FootnoteReference(name) => {
                    self.open(&mut place);
                    self.run(&format!("[{name}]"), Look { raised: true, ..look });
                }
                // Word has no HTML; what stands between the marks comes as text.
                Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => {
                    self.run("\n", look);
                }
                Event::Html(_) | Event::InlineHtml(_) => {}
                Event::Start(tag) => match tag {
                    Tag::Heading { level, .. } => place.heading = Some(level as usize),
                    Tag::BlockQuote(_) => place.quotes += 1,
                    Tag::CodeBlock(_) => place.in_code = true,
                    Tag::List(start) => {
                        self.close(&mut place);
                        let list = match start {
                            Some(start) => {
                                self.numbered.push(start);
                                NUMBERED + self.numbered.len() - 1
                            }
                            None => BULLETS,
                        };
                        place.lists.push(list);
                    }
                    Tag::Item => place.item = true,
                    Tag::FootnoteDefinition(name) => {
                        self.open(&mut place);
                        self.run(&format!("[{name}] "), Look { raised: true, ..look });
                    }
                    Tag::Table(columns) => {
                        self.close(&mut place);
                        self.body.push_str("<w:tbl><w:tblPr><w:tblStyle w:val=\"TableGrid\"/><w:tblW w:w=\"0\" w:type=\"auto\"/></w:tblPr><w:tblGrid>");
                        for _ in columns {
                            self.body.push_str("<w:gridCol/>");
                        }
                        self.body.push_str("</w:tblGrid>");
                    }
                    Tag::TableHead => {
                        place.in_head = true;
                        self.body.push_str("<w:tr><w:trPr><w:tblHeader/></w:trPr>");
                    }
                    Tag::TableRow => self.body.push_str("<w:tr>"),
                    Tag::TableCell => {
                        self.body.push_str("<w:tc><w:tcPr><w:tcW w:w=\"0\" w:type=\"auto\"/></w:tcPr>");
                        // A cell holds a paragraph even if it is empty.
                        self.open(&mut place);
                    }
                    Tag::Emphasis => looks.push(Look { italic: true, ..look }),
                    Tag::Strong => looks.push(Look { bold: true, ..look }),
                    Tag::Strikethrough => looks.push(Look { struck: true, ..look }),
                    Tag::Superscript | Tag::Subscript => looks.push(look),
                    Tag::Link { dest_url, link_type, .. } => {
                        let address = match link_type {
                            LinkType::Email => format!("mailto:{dest_url}"),
                            _ => dest_url.to_string(),
                        };
                        self.open(&mut place);
                        let link = is_outside(&address);
                        if link {
                            let id = self.relate("hyperlink", address, true);
                            write!(self.body, "<w:hyperlink r:id=\"{id}\">").expect("a String takes all");
                        }
                        looks.push(Look { link, ..look });
                    }
                    Tag::Image { dest_url, .. } => picture = Some((dest_url.to_string(), String::new())),
                    _ => {}
                },
                Event::End(tag) => match tag {
                    TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::FootnoteDefinition => {
                        self.close(&mut place);
                    }
                    TagEnd::Heading(_) => {
                        self.open(&mut place);
                        self.close(&mut place);
                        place.heading = None;
                    }
                    TagEnd::BlockQuote(_) => {
                        self.close(&mut place);
                        place.quotes -= 1;
                    }
                    TagEnd::CodeBlock => {
                        self.close(&mut place);
                        place.in_code = false;
                    }
                    TagEnd::List(_) => {
                        place.lists.pop();
                    }
                    TagEnd::Item => {
                        if place.item {
                            self.open(&mut place);
                        }
                        self.close(&mut place);
                    }
                    // Word wants a paragraph between two tables.
                    TagEnd::Table => self.body.push_str("</w:tbl><w:p/>"),
                    TagEnd::TableHead => {
                        place.in_head = false;
                        self.body.push_str("</w:tr>");
                    }
                    TagEnd::TableRow => self.body.push_str("</w:tr>"),
                    TagEnd::TableCell => {
                        self.close(&mut place);
                        self.body.push_str("</w:tc>");
                    }
                    TagEnd::Link => {
                        looks.pop();
                        if look.link {
                            self.body.push_str("</w:hyperlink>");
                        }
                    }
                    TagEnd::Emphasis
                    | TagEnd::Strong
                    | TagEnd::Strikethrough
                    | TagEnd::Superscript
                    | TagEnd::Subscript => {
                        looks.pop();
                    }
                    _ => {}
                },
            }
        }
        self.close(&mut place);
    }

    /// The name by which the document refers to something outside its text.
    fn relate(&mut self, kind: &'static str, target: String, outside: bool) -> String {
        self.relations.push((kind, target, outside));
        format!("rId{}", self.relations.len() + 2)
    }

    fn picture(&mut self, page: &Page, target: &str, name: &str) {
        let name = if name.is_empty() { target } else { name };
        let sized = page.picture(target).and_then(|picture| {
            let size = imagesize::blob_size(&picture.bytes).ok()?;
            (size.width > 0 && size.height > 0).then_some((picture, size))
        });
        let Some((Picture { mime, bytes }, size)) = sized else {
            self.run(&format!("[{name}]"), Look { italic: true, ..Look::default() });
            return;
        };
        let extension = match mime.as_str() {
            "image/png" => "png",
            "image/jpeg" => "jpeg",
            "image/gif" => "gif",
            "image/bmp" => "bmp",
            // Word does not show the others.
            _ => {
                self.run(&format!("[{name}]"), Look { italic: true, ..Look::default() });
                return;
            }
        };
        let number = self.media.len() + 1;
        let file = format!("media/image{number}.{extension}");
        self.media.push((file.clone(), bytes.clone()));
        let id = self.relate("image", file, false);
        let (width, height) =
            (size.width as u64 * EMU_PER_PIXEL, size.height as u64 * EMU_PER_PIXEL);
        let (width, height) = match width {
            ..=WIDEST => (width, height),
            _ => (WIDEST, (height as f64 * WIDEST as f64 / width as f64) as u64),
        };
        let mut alt = String::new();
        escape(&mut alt, name);
        let size = format!("cx=\"{width}\" cy=\"{}\"", height.max(1));
        write!(
            self.body,
            "<w:r><w:drawing><wp:inline><wp:extent {size}/><wp:docPr id=\"{number}\" name=\"{alt}\" descr=\"{alt}\"/><a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><pic:pic><pic:nvPicPr><pic:cNvPr id=\"{number}\" name=\"{alt}\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"{id}\"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext {size}/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
        )
        .expect("a String takes all");
    }

    fn package(self) -> zip::result::ZipResult<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        let mut put = |name: &str, content: &[u8]| -> zip::result::ZipResult<()> {
            zip.start_file(name, options)?;
            Ok(zip.write_all(content)?)
        };
        put("[Content_Types].xml", content_types().as_bytes())?;
        let root = format!(
            "{XML}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"word/document.xml\"/></Relationships>"
        );
        put("_rels/.rels", root.as_bytes())?;
        let mut relations = format!(
            "{XML}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/><Relationship Id=\"rId2\" Type=\"{RELATIONS}/numbering\" Target=\"numbering.xml\"/>"
        );
        for (number, (kind, target, outside)) in self.relations.iter().enumerate() {
            let mode = if *outside { " TargetMode=\"External\"" } else { "" };
            let mut escaped = String::new();
            escape(&mut escaped, target);
            write!(
                relations,
                "<Relationship Id=\"rId{}\" Type=\"{RELATIONS}/{kind}\" Target=\"{escaped}\"{mode}/>",
                number + 3
            )
            .expect("a String takes all");
        }
        relations.push_str("</Relationships>");
        put("word/_rels/document.xml.rels", relations.as_bytes())?;
        put("word/styles.xml", styles().as_bytes())?;
        put("word/numbering.xml", numbering(&self.numbered).as_bytes())?;
        let document = format!(
            "{XML}<w:document xmlns:w=\"{MAIN}\" xmlns:r=\"{RELATIONS}\" xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><w:body>{}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
            self.body
        );
        put("word/document.xml", document.as_bytes())?;
        for (name, bytes) in &self.media {
            put(&format!("word/{name}"), bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    }
}

fn content_types() -> String {
    let part = "application/vnd.openxmlformats-officedocument.wordprocessingml";
    let mut types = format!(
        "{XML}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    );
    for extension in ["png", "jpeg", "gif", "bmp"] {
        write!(types, "<Default Extension=\"{extension}\" ContentType=\"image/{extension}\"/>")
            .expect("a String takes all");
    }
    for (name, kind) in
        [("document", "document.main"), ("styles", "styles"), ("numbering", "numbering")]
    {
        write!(
            types,
            "<Override PartName=\"/word/{name}.xml\" ContentType=\"{part}.{kind}+xml\"/>"
        )
        .expect("a String takes all");
    }
    types.push_str("</Types>");
    types
}

fn styles() -> String {
    let mut styles = format!(
        "{XML}<w:styles xmlns:w=\"{MAIN}\"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:eastAsia=\"Calibri\" w:cs=\"Calibri\"/><w:sz w:val=\"22\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after=\"120\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults><w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>"
    );
    let mut paragraph = |id: &str, name: &str, paragraph: &str, run: &str| {
        write!(
            styles,
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
        )
        .expect("a String takes all");
    };
    paragraph("Title", "Title", "<w:spacing w:after=\"60\"/>", "<w:b/><w:sz w:val=\"40\"/>");
    paragraph("Subtitle", "Subtitle", "", "<w:color w:val=\"666666\"/><w:sz w:val=\"18\"/>");
    for (level, size) in [(1, 32), (2, 28), (3, 25), (4, 23), (5, 22), (6, 22)] {
        paragraph(
            &format!("Heading{level}"),
            &format!("heading {level}"),
            &format!(
                "<w:keepNext/><w:spacing w:before=\"240\" w:after=\"80\"/><w:outlineLvl w:val=\"{}\"/>",
                level - 1
            ),
            &format!("<w:b/><w:sz w:val=\"{size}\"/>"),
        );
    }
    paragraph("Quote", "Quote", "<w:ind w:left=\"567\"/>", "<w:i/><w:color w:val=\"444444\"/>");
    paragraph(
        "Code",
        "Code",
        "<w:shd w:val=\"clear\" w:fill=\"F2F2F2\"/><w:spacing w:line=\"240\" w:lineRule=\"auto\"/>",
        "<w:sz w:val=\"18\"/>",
    );
    styles.push_str("<w:style w:type=\"character\" w:styleId=\"Hyperlink\"><w:name w:val=\"Hyperlink\"/><w:rPr><w:color w:val=\"0563C1\"/><w:u w:val=\"single\"/></w:rPr></w:style><w:style w:type=\"table\" w:styleId=\"TableGrid\"><w:name w:val=\"Table Grid\"/><w:tblPr><w:tblBorders>");
    for side in ["top", "left", "bottom", "right", "insideH", "insideV"] {
        write!(styles, "<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/>")
            .expect("a String takes all");
    }
    styles.push_str("</w:tblBorders><w:tblCellMar><w:left w:w=\"108\" w:type=\"dxa\"/><w:right w:w=\"108\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style></w:styles>");
    styles
}

/// A bulleted list, and every numbered one with the number that it starts at.
fn numbering(numbered: &[u64]) -> String {
    let mut out = format!("{XML}<w:numbering xmlns:w=\"{MAIN}\">");
    for (id, format, texts) in [(0, "bullet", ["•", "◦", "▪"].as_slice()), (1, "decimal", &[])]
    {
        write!(
            out,
            "<w:abstractNum w:abstractNumId=\"{id}\"><w:multiLevelType w:val=\"hybridMultilevel\"/>"
        )
        .expect("a String takes all");
        for level in 0..=DEEPEST {
            let text = match texts {
                [] => format!("%{}.", level + 1),
                texts => texts[level % texts.len()].to_owned(),
            };
            write!(
                out,
                "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/><w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{}\" w:hanging=\"360\"/></w:pPr></w:lvl>",
                720 * (level + 1)
            )
            .expect("a String takes all");
        }
        out.push_str("</w:abstractNum>");
    }
    write!(out, "<w:num w:numId=\"{BULLETS}\"><w:abstractNumId w:val=\"0\"/></w:num>")
        .expect("a String takes all");
    for (at, start) in numbered.iter().enumerate() {
        write!(out, "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"1\"/>", NUMBERED + at)
            .expect("a String takes all");
        for level in 0..=DEEPEST {
            write!(out, "<w:lvlOverride w:ilvl=\"{level}\"><w:startOverride w:val=\"{start}\"/></w:lvlOverride>")
                .expect("a String takes all");
        }
        out.push_str("</w:num>");
    }
    out.push_str("</w:numbering>");
    out
}
