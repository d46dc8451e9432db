//! Presentations: PresentationML (ECMA-376, part 1, 19) to a heading per slide, its lists, tables
//! and pictures, and its speaker's notes as a quotation.

use std::collections::HashMap;

use crate::blocks::{self, Block, Kind};
use crate::inline::{self, Span, Style};
use crate::package::{Package, Relation};
use crate::xml::Element;
use crate::{Attachments, Extracted, Failure, one_line};

/// A presentation of more was made by a program.
const MAX_SLIDES: usize = 5_000;

pub(crate) fn pptx(bytes: &[u8]) -> Result<Extracted, Failure> {
    let mut package = Package::open(bytes)?;
    let main = package.main_part("ppt/presentation.xml")?;
    let Some(presentation) = package.xml(&main)? else {
        return Err(Failure::Damaged("it has no presentation part".to_owned()));
    };
    let relations = package.relations(&main)?;
    let listed = presentation.child("sldIdLst").into_iter().flat_map(Element::elements);
    let slides: Vec<&Relation> = listed
        .filter_map(|slide| slide.attributes("id").find_map(|id| relations.get(id)))
        .collect();
    let mut reader = Reader {
        package,
        relations: HashMap::new(),
        attachments: Attachments::default(),
        first_title: None,
    };
    let mut blocks = Vec::new();
    for (n, slide) in slides.iter().take(MAX_SLIDES).enumerate() {
        reader.slide(&slide.target, n + 1, &mut blocks)?;
    }
    if slides.len() > MAX_SLIDES {
        reader.package.warn(&format!("Slides beyond the {MAX_SLIDES}th were left out."));
    }
    let properties = reader.package.properties("pptx")?;
    Ok(Extracted {
        title: properties.title.clone().or(reader.first_title),
        body: blocks::markdown(&blocks),
        attachments: reader.attachments.files,
        warnings: reader.package.warnings,
        ..properties
    })
}

struct Reader<'a> {
    package: Package<'a>,
    /// Those of the part that is read.
    relations: HashMap<String, Relation>,
    attachments: Attachments,
    /// The title of the first slide, if it is a title slide.
    first_title: Option<String>,
}

/// The role that a layout gives to a shape.
fn role(shape: &Element) -> Option<&str> {
    let placeholder = shape.elements().find_map(|child| child.child("nvPr")?.child("ph"))?;
    Some(placeholder.attribute("type").unwrap_or("obj"))
}

impl Reader<'_> {
    fn slide(&mut self, path: &str, number: usize, out: &mut Vec<Block>) -> Result<(), Failure> {
        let Some(slide) = self.package.xml(path)? else {
            self.package.warn("A slide is missing from the presentation.");
            return Ok(());
        };
        self.relations = self.package.relations(path)?;
        let mut titles = Vec::new();
        let mut content = Vec::new();
        if let Some(tree) = slide.find("spTree") {
            self.shapes(tree, &mut titles, &mut content)?;
        }
        if number == 1
            && slide.find("ph").is_some_and(|ph| ph.attribute("type") == Some("ctrTitle"))
        {
            self.first_title = titles.first().and_then(|title| one_line(&inline::plain(title)));
        }
        let title = titles.iter().map(|spans| heading(spans)).collect::<Vec<_>>().join(" ");
        let title = if title.is_empty() { format!("Slide {number}") } else { title };
        out.push(Block { kind: Kind::Heading(2), text: title });
        out.append(&mut content);
        let notes = self.relations.values().find(|relation| relation.kind == "notesSlide");
        if let Some(path) = notes.map(|relation| relation.target.clone()) {
            self.notes(&path, out)?;
        }
        Ok(())
    }

    fn notes(&mut self, path: &str, out: &mut Vec<Block>) -> Result<(), Failure> {
        let Some(notes) = self.package.xml(path)? else { return Ok(()) };
        self.relations = self.package.relations(path)?;
        let shapes = notes.find("spTree").into_iter().flat_map(Element::elements);
        let bodies = shapes.filter(|shape| role(shape) == Some("body"));
        for body in bodies.filter_map(|shape| shape.child("txBody")) {
            let start = out.len();
            self.paragraphs(body, false, out);
            for block in &mut out[start..] {
                block.kind = Kind::Quote;
            }
        }
        Ok(())
    }

    /// The shapes of a slide or a group, those that are titles apart.
    fn shapes(
        &mut self,
        tree: &Element,
        titles: &mut Vec<Vec<Span>>,
        out: &mut Vec<Block>,
    ) -> Result<(), Failure> {
        for shape in tree.elements() {
            match &*shape.name {
                "sp" => match (role(shape), shape.child("txBody")) {
                    (Some("title" | "ctrTitle"), Some(text)) => {
                        let mut spans = Vec::new();
                        for paragraph in text.elements().filter(|e| &*e.name == "p") {
                            if !spans.is_empty() {
                                spans.push(Span::Break);
                            }
                            self.runs(paragraph, &mut spans);
                        }
                        if !inline::plain(&spans).trim().is_empty() {
                            titles.push(spans);
                        }
                    }
                    (Some("sldNum" | "dt" | "ftr" | "hdr"), _) | (_, None) => {}
                    (role, Some(text)) => {
                        self.paragraphs(text, matches!(role, Some("obj" | "body")), out);
                    }
                },
                "grpSp" => self.shapes(shape, titles, out)?,
                "pic" => self.picture(shape, out)?,
                "graphicFrame" => self.graphic(shape, out)?,
                "AlternateContent" => {
                    let branch = shape.child("Choice").or_else(|| shape.child("Fallback"));
                    if let Some(branch) = branch {
                        self.shapes(branch, titles, out)?;
                    }
                }
                // Text of what nests too deeply.
                "t" => out.push(Block {
                    kind: Kind::Text,
                    text: inline::escape(shape.text().trim(), false),
                }),
                _ => {}
            }
        }
        Ok(())
    }

    /// A text body's paragraphs. In the body of a slide they are list items unless they say
    /// otherwise, or there is only one.
    fn paragraphs(&mut self, body: &Element, listed: bool, out: &mut Vec<Block>) {
        let paragraphs: Vec<&Element> =
            body.elements().filter(|e| matches!(&*e.name, "p" | "t")).collect();
        let mut numbers = [0_usize; 9];
        let start = out.len();
        for paragraph in paragraphs {
            let properties = paragraph.child("pPr");
            let has = |name: &str| properties.is_some_and(|p| p.child(name).is_some());
            let level = properties.and_then(|p| p.attribute("lvl")).and_then(|l| l.parse().ok());
            let level = level.unwrap_or(0).min(8);
            let ordered = has("buAutoNum");
            let mut spans = Vec::new();
            if &*paragraph.name == "t" {
                spans.push(Span::plain(&paragraph.text()));
            } else {
                self.runs(paragraph, &mut spans);
            }
            let text = inline::markdown(&spans, "\\\n");
            if text.is_empty() {
                continue;
            }
            let is_item = ordered || has("buChar") || has("buBlip") || (listed && !has("buNone"));
            if !is_item {
                numbers = [0; 9];
                out.push(Block { kind: Kind::Text, text });
                continue;
            }
            numbers[level + 1..].fill(0);
            numbers[level] = if ordered { numbers[level] + 1 } else { 0 };
            let number = numbers[level];
            let kind = Kind::Item { level, list: String::new(), ordered, number };
            out.push(Block { kind, text });
        }
        if let [Block { kind: kind @ Kind::Item { ordered: false, level: 0, .. }, .. }] =
            &mut out[start..]
        {
            *kind = Kind::Text;
        }
    }

    fn runs(&self, parent: &Element, out: &mut Vec<Span>) {
        for child in parent.elements() {
            match &*child.name {
                "r" | "fld" => {
                    let properties = child.child("rPr");
                    let on = |name: &str| {
                        let value = properties.and_then(|p| p.attribute(name));
                        value.is_some_and(|v| !matches!(v, "0" | "false" | "noStrike"))
                    };
                    let font = properties.and_then(|p| p.child("latin")?.attribute("typeface"));
                    let style = Style {
                        bold: on("b"),
                        italic: on("i"),
                        strike: on("strike"),
                        code: font.is_some_and(is_monospaced),
                    };
                    let link = properties.and_then(|p| p.child("hlinkClick")?.attribute("id"));
                    let link = link.and_then(|id| self.relations.get(id)).filter(|r| r.external);
                    let text = child.child("t").map(Element::text).unwrap_or_default();
                    let link = link.map(|relation| relation.target.clone());
                    out.push(Span::Text { text, style, link });
                }
                "br" => out.push(Span::Break),
                "t" | "oMath" => out.push(Span::plain(&child.text())),
                "AlternateContent" => {
                    if let Some(branch) = child.child("Choice") {
                        self.runs(branch, out);
                    }
                }
                "m" | "oMathPara" => self.runs(child, out),
                _ => {}
            }
        }
    }

    fn picture(&mut self, picture: &Element, out: &mut Vec<Block>) -> Result<(), Failure> {
        let relation = picture.find("blip").and_then(|blip| {
            let id = blip.attribute("embed").or_else(|| blip.attribute("link"))?;
            self.relations.get(id).cloned()
        });
        let Some(relation) = relation.filter(|relation| !relation.external) else { return Ok(()) };
        let alt = picture.find("cNvPr").and_then(|p| p.attribute("descr")).and_then(one_line);
        match self.package.attach(&relation.target, &mut self.attachments)? {
            Some(name) => {
                let alt = inline::escape(&alt.unwrap_or_default(), false);
                out.push(Block { kind: Kind::Text, text: format!("![{alt}]({name})") });
            }
            None => self.package.warn("An image is missing from the presentation."),
        }
        Ok(())
    }

    /// A table, or the words of a diagram or a chart.
    fn graphic(&mut self, frame: &Element, out: &mut Vec<Block>) -> Result<(), Failure> {
        if let Some(table) = frame.find("tbl") {
            let mut rows = Vec::new();
            for row in table.elements().filter(|e| &*e.name == "tr") {
                let cells = row.elements().filter(|e| &*e.name == "tc");
                rows.push(
                    cells
                        .map(|cell| {
                            let mut blocks = Vec::new();
                            if let Some(text) = cell.child("txBody") {
                                self.paragraphs(text, false, &mut blocks);
                            }
                            blocks
                        })
                        .collect(),
                );
            }
            blocks::table(rows, out);
            return Ok(());
        }
        let part = frame.find("relIds").and_then(|ids| ids.attribute("dm"));
        let part = part.or_else(|| frame.find("chart")?.attribute("id"));
        let relation = part.and_then(|id| self.relations.get(id)).cloned();
        let Some(relation) = relation.filter(|relation| !relation.external) else { return Ok(()) };
        let Some(root) = self.package.xml(&relation.target)? else { return Ok(()) };
        let mut texts = Vec::new();
        words(&root, &mut texts);
        out.extend(texts.into_iter().map(|text| Block {
            kind: Kind::Item { level: 0, list: String::new(), ordered: false, number: 0 },
            text: inline::escape(&text, false),
        }));
        Ok(())
    }
}

/// The text of each paragraph of a diagram or a chart.
fn words(element: &Element, out: &mut Vec<String>) {
    for child in element.elements() {
        match &*child.name {
            "p" => out.extend(one_line(&child.text())),
            _ => words(child, out),
        }
    }
}

pub(crate) fn is_monospaced(font: &str) -> bool {
    let font = font.to_lowercase();
    ["courier", "consolas", "mono", "menlo", "typewriter"].iter().any(|name| font.contains(name))
}

/// A heading's line, without bold and the like, which headings are by themselves.
fn heading(spans: &[Span]) -> String {
    let mut spans = spans.to_vec();
    for span in &mut spans {
        if let Span::Text { style, .. } = span {
            *style = Style { code: style.code, ..Style::default() };
        }
    }
    inline::markdown(&spans, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::zip_of;

    fn slides(shapes: &str) -> Vec<u8> {
        let presentation = r#"<p:presentation><p:sldIdLst><p:sldId id="256" r:id="r2"/><p:sldId id="257" r:id="r9"/></p:sldIdLst></p:presentation>"#;
        let relations = r#"<Relationships><Relationship Id="r2" Type="http://x/slide" Target="slides/slide1.xml"/></Relationships>"#;
        let own = r#"<Relationships><Relationship Id="n" Type="http://x/notesSlide" Target="../notesSlides/n.xml"/><Relationship Id="l" Type="http://x/hyperlink" Target="http://x/" TargetMode="External"/><Relationship Id="i" Type="http://x/image" Target="../media/a.png"/></Relationships>"#;
        let notes = r#"<p:notes><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph type="body"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>say this</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:notes>"#;
        let slide = format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>");
        zip_of(&[
            ("ppt/presentation.xml", presentation),
            ("ppt/_rels/presentation.xml.rels", relations),
            ("ppt/slides/slide1.xml", &slide),
            ("ppt/slides/_rels/slide1.xml.rels", own),
            ("ppt/notesSlides/n.xml", notes),
            ("ppt/media/a.png", "picture"),
        ])
    }

    fn shape(role: &str, paragraphs: &str) -> String {
        format!(
            "<p:sp><p:nvSpPr><p:nvPr>{role}</p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>"
        )
    }

    #[test]
    fn slides_are_read() {
        let check = |shapes: &str, expected: &str| {
            let read = pptx(&slides(shapes)).expect("slides");
            assert_eq!(read.body, format!("{expected}\n\n> say this\n"), "{shapes}");
        };
        let p = |properties: &str, text: &str| {
            format!("<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>")
        };
        check("", "## Slide 1");
        let title = shape(r#"<p:ph type="title"/>"#, &p("", "On top"));
        let body = shape(
            r#"<p:ph idx="1"/>"#,
            &(p("", "a") + &p(r#"<a:pPr lvl="1"/>"#, "b") + &p("<a:pPr><a:buNone/></a:pPr>", "c")),
        );
        check(&(body + &title), "## On top\n\n- a\n  - b\n\nc");
        let numbered = r#"<a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr>"#;
        check(&shape("", &(p(numbered, "x") + &p(numbered, "y"))), "## Slide 1\n\n1. x\n2. y");
        check(
            &shape(
                "",
                r#"<a:p><a:r><a:rPr b="1"><a:hlinkClick r:id="l"/></a:rPr><a:t>far</a:t></a:r></a:p>"#,
            ),
            "## Slide 1\n\n[**far**](http://x/)",
        );
        check(
            r#"<p:pic><p:nvPicPr><p:cNvPr descr="A cat"/></p:nvPicPr><a:blip r:embed="i"/></p:pic>"#,
            "## Slide 1\n\n![A cat](a.png)",
        );
        check(&shape(r#"<p:ph type="sldNum"/>"#, &p("", "7")), "## Slide 1");
        let cell = |text: &str| format!("<a:tc><a:txBody>{}</a:txBody></a:tc>", p("", text));
        check(
            &format!(
                "<p:graphicFrame><a:tbl><a:tr>{}{}</a:tr></a:tbl></p:graphicFrame>",
                cell("1"),
                cell("2")
            ),
            "## Slide 1\n\n| 1 | 2 |\n| --- | --- |",
        );
    }

    #[test]
    fn hostile_slides() {
        let deep = format!(
            "{}{}",
            "<p:grpSp>".repeat(20_000),
            shape("", "<a:p><a:r><a:t>deep</a:t></a:r></a:p>")
        );
        assert!(pptx(&slides(&deep)).expect("slides").body.contains("deep"));
        assert!(matches!(pptx(&zip_of(&[("a", "b")])), Err(Failure::Damaged(_))));
        let level = shape("<p:ph/>", r#"<a:p><a:pPr lvl="99999"/><a:r><a:t>x</a:t></a:r></a:p>"#);
        assert!(pptx(&slides(&level)).expect("slides").body.contains('x'));
    }
}
