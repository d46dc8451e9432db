//! PDF: the text layer page by page in reading order, and the document's properties.

use std::collections::HashMap;

use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;

use crate::{Extracted, Failure, date, inline, keywords, text, yaml};

/// A page tree that repeats itself has more.
const MAX_PAGES: usize = 20_000;
/// Bytes of text; the longest books have a tenth of it.
const MAX_TEXT: usize = 64 << 20;

pub(crate) fn pdf(bytes: &[u8]) -> Result<Extracted, Failure> {
    let damaged = |error: &pdf_oxide::Error| Failure::Damaged(error.to_string());
    let document = PdfDocument::from_bytes(bytes.to_vec()).map_err(|error| match error {
        pdf_oxide::Error::EncryptedPdf => Failure::Encrypted,
        error => damaged(&error),
    })?;
    // An empty user password opens the file for everyone, and is tried by itself.
    if document.is_encrypted() && !document.is_authenticated() {
        return Err(Failure::Encrypted);
    }
    let count = document.page_count().map_err(|error| damaged(&error))?;
    let mut warnings = Vec::new();
    let mut body = String::new();
    let mut unreadable = None;
    let (mut failed, mut without_text, mut read) = (0, 0, 0);
    for page in 0..count {
        if read == MAX_PAGES || body.len() > MAX_TEXT {
            warnings.push(format!("Pages from {} on were left out: too long.", page + 1));
            break;
        }
        read += 1;
        match document.extract_text(page) {
            Ok(text) if text.trim().is_empty() => without_text += 1,
            Ok(text) => {
                if !body.is_empty() {
                    body.push_str(&format!("\n<!-- page {} -->\n\n", page + 1));
                }
                page_markdown(&text, &mut body);
            }
            Err(error) => {
                failed += 1;
                unreadable = Some(error);
            }
        }
    }
    if let Some(error) = &unreadable {
        if failed == read {
            return Err(damaged(error));
        }
        warnings.push(format!("{failed} of {read} pages could not be read ({error})."));
    }
    if without_text == read {
        warnings.push("The document has no text layer: its pages are pictures.".to_owned());
    } else if without_text > 0 {
        warnings.push(format!("{without_text} of {read} pages have no text layer."));
    }
    let info = info(&document);
    let field = |name: &str| info.get(name).map(String::as_str);
    Ok(Extracted {
        title: field("Title").and_then(crate::document_title),
        body,
        front_matter: yaml(&[("author", field("Author"))]),
        tags: field("Keywords").map(keywords).unwrap_or_default(),
        kind: "pdf",
        created_ms: field("CreationDate").and_then(date::parse_pdf),
        updated_ms: field("ModDate").and_then(date::parse_pdf),
        attachments: Vec::new(),
        warnings,
        keep_original: true,
    })
}

/// A page's lines, escaped; its bullets become list items.
fn page_markdown(page: &str, body: &mut String) {
    let mut empty = true;
    for line in text::tidy(page).lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            if !empty {
                body.push('\n');
            }
            empty = true;
            continue;
        }
        empty = false;
        let item = ["• ", "‣ ", "◦ ", "▪ ", "● ", "* ", "\u{f0b7} "]
            .iter()
            .find_map(|bullet| line.strip_prefix(bullet));
        match item {
            Some(item) => {
                body.push_str("- ");
                body.push_str(&inline::escape(item, false));
            }
            None => body.push_str(&inline::escape_start(&inline::escape(&line, false))),
        }
        body.push('\n');
    }
    body.truncate(body.trim_end().len());
    body.push('\n');
}

/// The document information dictionary's strings (ISO 32000-1, 14.3.3).
fn info(document: &PdfDocument) -> HashMap<String, String> {
    let entry = document.trailer().as_dict().and_then(|trailer| trailer.get("Info"));
    let Some(Ok(info)) = entry.map(|entry| document.resolve_object(entry)) else {
        return HashMap::new();
    };
    let Some(info) = info.as_dict() else { return HashMap::new() };
    let text = |value: &Object| {
        let value = document.resolve_object(value).ok()?;
        Some(text_string(value.as_string()?))
    };
    let known = ["Title", "Author", "Keywords", "CreationDate", "ModDate"];
    let known = known.iter().filter_map(|key| Some(((*key).to_owned(), text(info.get(*key)?)?)));
    known.collect()
}

/// A text string: UTF-16 or UTF-8 with a byte order mark, else PDFDocEncoding, which is nearly
/// Windows-1252 (ISO 32000-1, 7.9.2.2).
fn text_string(bytes: &[u8]) -> String {
    let marks: [&[u8]; 3] = [&[0xfe, 0xff], &[0xff, 0xfe], &[0xef, 0xbb, 0xbf]];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return text::decode(bytes, None).0;
    }
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
