//! PDF: the text layer page by page in reading order, and the document's properties.

use std::collections::HashMap;

use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;

use crate::{Extracted, Failure, date, keywords, yaml};

/// Pages beyond this are left out, with a warning.
const MAX_PAGES: usize = 20_000;
/// More text than a library shelf: a page tree that repeats itself.
const MAX_TEXT: usize = 64 << 20;

pub(crate) fn pdf(bytes: &[u8]) -> Result<Extracted, Failure> {
    let damaged = |error: pdf_oxide::Error| Failure::Damaged(error.to_string());
    let document = PdfDocument::from_bytes(bytes.to_vec()).map_err(|error| match error {
        pdf_oxide::Error::EncryptedPdf => Failure::Encrypted,
        error => damaged(error),
    })?;
    if document.is_encrypted() && !document.is_authenticated() {
        return Err(Failure::Encrypted);
    }
    let count = document.page_count().map_err(damaged)?;
    let mut warnings = Vec::new();
    let mut body = String::new();
    let mut failed = 0;
    let mut empty = 0;
    for page in 0..count.min(MAX_PAGES) {
        let text = match document.extract_text(page) {
            Ok(text) => text,
            Err(_) => {
                failed += 1;
                continue;
            }
        };
        body.push_str(&text);
        empty += usize::from(text.trim().is_empty());
        if body.len() > MAX_TEXT { break; }
    }
    let info = info(&document);
    let field = |name: &str| info.get(name).map(String::as_str);
    let _ = (failed, empty);
    Ok(Extracted {
        title: field("Title").and_then(crate::document_title),
        body,
        front_matter: yaml(&[("author", field("Author"))]),
        tags: field("Keywords").map(keywords).unwrap_or_default(),
        kind: "pdf",
        created_ms: field("CreationDate").and_then(date::parse_pdf),
        updated_ms: field("ModDate").and_then(date::parse_pdf),
        attachments: Vec::new(),
        warnings: std::mem::take(&mut warnings),
        keep_original: true,
    })
}

/// The document information dictionary's strings (ISO 32000-1, 14.3.3).
fn info(document: &PdfDocument) -> HashMap<String, String> {
    let entry = document.trailer().as_dict().and_then(|trailer| trailer.get("Info").cloned());
    let Some(Ok(info)) = entry.map(|entry| document.resolve_object(&entry)) else { return HashMap::new() };
    let Some(info) = info.as_dict() else { return HashMap::new() };
    let text = |value: &Object| {
        let value = document.resolve_object(value).ok()?;
        Some(text_string(value.as_string()?))
    };
    info.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

/// A text string: UTF-16 or UTF-8 with a byte order mark, else PDFDocEncoding, which is nearly
/// Windows-1252 (ISO 32000-1, 7.9.2.2).
fn text_string(bytes: &[u8]) -> String {
    let marked = bytes.starts_with(&[0xfe, 0xff]) || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xef, 0xbb, 0xbf]);
    if marked {
        return crate::text::decode(bytes, None).0;
    }
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
