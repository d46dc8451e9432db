//! Outlines: OPML 2.0 to a nested list, as outliners and feed readers export it.

use crate::blocks::{self, Block, Kind};
use crate::xml::{self, Element};
use crate::{Attachments, Extracted, Failure, date, html, inline, one_line, yaml};

/// Deeper items are set at this level: indentation would outgrow the text.
const MAX_LEVEL: usize = 16;

pub(crate) fn opml(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (root, fault) = xml::parse(bytes)?;
    let Some(body) = root.child("body") else {
        return Err(Failure::Damaged("it has no outline".to_owned()));
    };
    let field = |name: &str| root.child("head")?.child(name).map(Element::text);
    let mut blocks = Vec::new();
    outlines(body, 0, &mut blocks)?;
    let warnings = fault.map(|fault| format!("It is damaged ({fault}): what follows is lost."));
    Ok(Extracted {
        title: field("title").as_deref().and_then(one_line),
        body: blocks::markdown(&blocks),
        front_matter: yaml(&[
            ("author", field("ownerName").as_deref()),
            ("created", field("dateCreated").as_deref()),
        ]),
        kind: "opml",
        created_ms: field("dateCreated").and_then(|text| date::parse(&text)),
        updated_ms: field("dateModified").and_then(|text| date::parse(&text)),
        warnings: warnings.into_iter().collect(),
        keep_original: true,
        ..Extracted::default()
    })
}

fn outlines(parent: &Element, level: usize, out: &mut Vec<Block>) -> Result<(), Failure> {
    for item in parent.elements().filter(|e| &*e.name == "outline") {
        let words = item.attribute("text").or_else(|| item.attribute("title")).unwrap_or_default();
        let mut text = formatted(words)?;
        let address = ["htmlUrl", "xmlUrl", "url"].iter().find_map(|name| item.attribute(name));
        if let Some(address) = address.filter(|address| inline::is_link(address)) {
            text = format!("[{text}]({})", inline::destination(address));
        }
        match item.attribute("_complete").or_else(|| item.attribute("checked")) {
            Some("true") => text.insert_str(0, "[x] "),
            Some("false" | "indeterminate") => text.insert_str(0, "[ ] "),
            _ => {}
        }
        for line in item.attribute("_note").unwrap_or_default().lines() {
            let line = formatted(line)?;
            if !line.is_empty() {
                text.push_str(&format!("\\\n{line}"));
            }
        }
        if !text.is_empty() {
            let level = level.min(MAX_LEVEL);
            let kind = Kind::Item { level, list: String::new(), ordered: false, number: 0 };
            out.push(Block { kind, text });
        }
        outlines(item, level + 1, out)?;
    }
    Ok(())
}

/// A line that may be written in HTML.
fn formatted(words: &str) -> Result<String, Failure> {
    if words.contains('<') && words.contains('>') {
        let markdown =
            html::content(words.as_bytes(), &mut Attachments::default(), &mut |_, _| None)?;
        return Ok(markdown.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(inline::escape_start(&inline::escape(&line, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_read() {
        let source = r#"<opml><head><title>Plan</title><ownerName>Ann</ownerName><dateCreated>Thu, 01 Jan 1970 00:00:02 GMT</dateCreated></head>
            <body><outline text="a *b*" _note="one&#10;two"><outline text="&lt;b&gt;c&lt;/b&gt; d" _complete="true"/></outline><outline text="feed" xmlUrl="http://x/"/></body></opml>"#;
        let read = opml(source.as_bytes()).expect("an outline");
        assert_eq!(
            read.body,
            "- a \\*b\\*\\\n  one\\\n  two\n  - [x] **c** d\n- [feed](http://x/)\n"
        );
        assert_eq!((read.title.as_deref(), read.created_ms), (Some("Plan"), Some(2000)));
    }

    #[test]
    fn hostile_outlines() {
        let deep = format!("<opml><body>{}", "<outline text='x'>".repeat(50_000));
        assert!(opml(deep.as_bytes()).expect("an outline").body.len() < 4 << 20);
        let laughs =
            "<!DOCTYPE x [<!ENTITY a \"ha\">]><opml><body><outline text='&a;!'/></body></opml>";
        assert!(!opml(laughs.as_bytes()).expect("an outline").body.contains("ha"));
        for broken in ["", "x", "<opml/>"] {
            assert!(matches!(opml(broken.as_bytes()), Err(Failure::Damaged(_))));
        }
    }
}
