//! E-books: EPUB 2 and 3 (W3C EPUB 3.3). The chapters of the spine go through the reader of web
//! pages, in the order in which they are read.

use std::collections::HashMap;

use crate::package::{Package, resolve};
use crate::xml::Element;
use crate::{Attachments, Extracted, Failure, clean, date, document_title, html, one_line, yaml};

/// Bytes of text; the longest books have a tenth of it.
const MAX_TEXT: usize = 64 << 20;

pub(crate) fn epub(bytes: &[u8]) -> Result<Extracted, Failure> {
    let mut package = Package::open(bytes)?;
    let encryption = package.xml("META-INF/encryption.xml")?;
    let container = package.xml("META-INF/container.xml")?;
    let rootfile = container.as_ref().and_then(|root| root.find("rootfile"));
    let path = rootfile.and_then(|file| file.attribute("full-path"));
    let path = path.unwrap_or("OEBPS/content.opf").to_owned();
    let Some(book) = package.xml(&path)? else {
        return Err(Failure::Damaged("it has no package document".to_owned()));
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let part = |element: &Element| Some(located(folder, element.attribute("href")?));
    let items: HashMap<&str, &Element> = book
        .child("manifest")
        .into_iter()
        .flat_map(Element::elements)
        .filter_map(|item| Some((item.attribute("id")?, item)))
        .collect();
    // Fonts may be obfuscated in a book that anyone can read; encrypted chapters cannot be read.
    let locked: Vec<String> = encryption
        .iter()
        .flat_map(Element::elements)
        .filter_map(|data| Some(located("", data.find("CipherReference")?.attribute("URI")?)))
        .collect();

    let mut attachments = Attachments::default();
    let mut body = String::new();
    let spine = book.child("spine").into_iter().flat_map(Element::elements);
    for item in spine.filter_map(|entry| items.get(entry.attribute("idref")?)) {
        // The table of contents says nothing that the chapters do not say.
        let is_contents =
            item.attribute("properties").is_some_and(|p| p.split(' ').any(|word| word == "nav"));
        let Some(path) = part(item).filter(|_| !is_contents) else { continue };
        if locked.contains(&path) {
            return Err(Failure::Encrypted);
        }
        let Some(page) = package.read(&path)? else {
            package.warn("A chapter is missing from the book.");
            continue;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut failure = None;
        let mut locate = |source: &str, attachments: &mut Attachments| match package
            .attach(&located(folder, source), attachments)
        {
            Ok(name) => name,
            Err(error) => {
                failure = Some(error);
                None
            }
        };
        let chapter = html::content(&page, &mut attachments, &mut locate)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if !body.is_empty() && !chapter.is_empty() {
            body.push('\n');
        }
        body.push_str(&chapter);
        if body.len() > MAX_TEXT {
            package.warn("The end of the book was left out: it is too long.");
            break;
        }
    }

    let metadata = book.child("metadata");
    let fields = |name: &'static str| {
        let elements = metadata.into_iter().flat_map(Element::elements);
        elements.filter(move |e| &*e.name == name).map(Element::text)
    };
    let authors: Vec<String> = fields("creator").filter_map(|name| one_line(&name)).collect();
    let modified = metadata.into_iter().flat_map(Element::elements).find(|element| {
        &*element.name == "meta" && element.attribute("property") == Some("dcterms:modified")
    });
    Ok(Extracted {
        title: fields("title").next().as_deref().and_then(document_title),
        body,
        front_matter: yaml(&[
            ("author", Some(authors.join(", ").as_str())),
            ("source", fields("source").next().as_deref()),
        ]),
        // Libraries put a narrower subject behind two dashes.
        tags: crate::keywords(
            &fields("subject").collect::<Vec<_>>().join(",").replace(" -- ", "/"),
        ),
        kind: "epub",
        created_ms: fields("date").find_map(|text| date::parse(&text)),
        updated_ms: modified.and_then(|element| date::parse(&element.text())),
        attachments: attachments.files,
        warnings: package.warnings,
        keep_original: true,
        ..Extracted::default()
    })
}

/// The path of a part that a relative address leads to.
fn located(folder: &str, address: &str) -> String {
    let address = address.split(['#', '?']).next().unwrap_or_default();
    let address = String::from_utf8_lossy(&clean::percent_decoded(address)).into_owned();
    resolve(folder, &address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::zip_of;

    const CONTAINER: &str =
        r#"<container><rootfiles><rootfile full-path="b/book.opf"/></rootfiles></container>"#;
    const BOOK: &str = r#"<package><metadata><dc:title>Two Parts</dc:title><dc:creator>Ann</dc:creator><dc:creator>Bob</dc:creator><dc:date>1970-01-02</dc:date></metadata><manifest><item id="n" href="nav.xhtml" properties="nav"/><item id="2" href="t/two.xhtml"/><item id="1" href="t/one%20.xhtml"/></manifest><spine><itemref idref="n"/><itemref idref="1"/><itemref idref="2"/><itemref idref="9"/></spine></package>"#;

    fn book(two: &str) -> Vec<u8> {
        zip_of(&[
            ("META-INF/container.xml", CONTAINER),
            ("b/book.opf", BOOK),
            ("b/nav.xhtml", "<html><body>contents</body></html>"),
            (
                "b/t/one .xhtml",
                "<?xml version=\"1.0\"?><html><head><title>t</title></head><body><h1>One</h1><p>see <a href=\"two.xhtml#x\">two</a> and <a href=\"http://x/\">x</a><aside>note</aside></body></html>",
            ),
            ("b/t/two.xhtml", two),
            ("b/i/a.png", "picture"),
        ])
    }

    #[test]
    fn books() {
        let read =
            epub(&book("<body><p><img src='../i/a.png' alt='A cat'/></p></body>")).expect("a book");
        assert_eq!(read.body, "# One\n\nsee two and [x](http://x/)\n\nnote\n\n![A cat](a.png)\n");
        assert_eq!(read.title.as_deref(), Some("Two Parts"));
        assert_eq!(read.front_matter, "author: \"Ann, Bob\"\n");
        assert_eq!((read.created_ms, read.attachments.len()), (Some(86_400_000), 1));
    }

    #[test]
    fn hostile_books() {
        let read = epub(&book("<img src='../../../../etc/passwd'><p>x")).expect("a book");
        assert!(read.attachments.is_empty() && read.body.contains('x'));
        assert!(matches!(epub(&zip_of(&[("a", "b")])), Err(Failure::Damaged(_))));
        // The same chapter again and again ends at the limit of what is unpacked.
        let page = format!("<p>{}", "word ".repeat(2 << 20));
        let spine = "<itemref idref=\"2\"/>".repeat(1000);
        let spine = BOOK.replace("<spine>", &format!("<spine>{spine}"));
        let bytes = zip_of(&[
            ("META-INF/container.xml", CONTAINER),
            ("b/book.opf", &spine),
            ("b/t/two.xhtml", &page),
        ]);
        if let Ok(read) = epub(&bytes) {
            assert!(read.body.len() < 2 * MAX_TEXT);
        }
        let locked = r#"<encryption><EncryptedData><CipherData><CipherReference URI="b/t/two.xhtml"/></CipherData></EncryptedData></encryption>"#;
        let bytes = zip_of(&[
            ("META-INF/container.xml", CONTAINER),
            ("b/book.opf", BOOK),
            ("META-INF/encryption.xml", locked),
            ("b/t/two.xhtml", "x"),
        ]);
        assert!(matches!(epub(&bytes), Err(Failure::Encrypted)));
    }
}
