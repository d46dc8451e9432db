//! PDF: the text layer page by page in reading order, and the document's properties.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::DynamicImage;
use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;

use crate::{Extracted, Failure, date, inline, keywords, text, yaml};

/// A page tree that repeats itself has more.
const MAX_PAGES: usize = 20_000;
/// Where `startxref` is looked for; the standard says the last kilobyte.
const END_BYTES: usize = 4096;
/// A picture's dictionary is shorter.
const DICTIONARY_BYTES: usize = 4096;
/// Bytes of text; the longest books have a tenth of it.
const MAX_TEXT: usize = 64 << 20;

fn damaged(error: &pdf_oxide::Error) -> Failure {
    Failure::Damaged(error.to_string())
}

/// The document and how many pages it has.
fn open(bytes: &[u8]) -> Result<(PdfDocument, usize), Failure> {
    let bytes =
        if is_cut(bytes) { Cow::Owned(without_images(bytes)) } else { Cow::Borrowed(bytes) };
    let document =
        guarded(|| PdfDocument::from_bytes(bytes.into_owned()))?.map_err(|error| match error {
            pdf_oxide::Error::EncryptedPdf => Failure::Encrypted,
            error => damaged(&error),
        })?;
    // An empty user password opens the file for everyone, and is tried by itself.
    if document.is_encrypted() && !document.is_authenticated() {
        return Err(Failure::Encrypted);
    }
    let count = guarded(|| document.page_count())?.map_err(|error| damaged(&error))?;
    Ok((document, count))
}

fn page_text(document: &PdfDocument, page: usize) -> Result<String, Failure> {
    guarded(|| document.extract_text(page))?.map_err(|error| damaged(&error))
}

pub(crate) fn pdf(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (document, count) = open(bytes)?;
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
        match page_text(&document, page) {
            Ok(text) if text.trim().is_empty() => without_text += 1,
            Ok(text) => {
                mark_page(page + 1, &mut body);
                page_markdown(&text, &mut body);
            }
            Err(failure) => {
                failed += 1;
                unreadable = Some(failure);
            }
        }
    }
    if let Some(failure) = unreadable {
        if failed == read {
            return Err(failure);
        }
        warnings.push(format!("{failed} of {read} pages could not be read."));
    }
    let info = guarded(|| info(&document)).unwrap_or_default();
    let field = |name: &str| info.get(name).map(String::as_str);
    Ok(Extracted {
        title: field("Title").and_then(crate::document_title),
        body,
        front_matter: yaml(&[("author", field("Author"))]),
        tags: field("Keywords").map(keywords).unwrap_or_default(),
        kind: "pdf",
        created_ms: field("CreationDate").and_then(date::parse_pdf),
        updated_ms: field("ModDate").and_then(date::parse_pdf),
        warnings,
        keep_original: true,
        scanned: without_text,
        ..Extracted::default()
    })
}

/// Gives out the pictures on the pages (from 1) that have no text layer.
pub(crate) fn pictures(
    bytes: &[u8],
    each: &mut dyn FnMut(usize, DynamicImage) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let (document, count) = open(bytes)?;
    for page in 0..count.min(MAX_PAGES) {
        if page_text(&document, page).is_ok_and(|text| !text.trim().is_empty()) {
            continue;
        }
        let pictures = guarded(|| {
            let pictures = document.extract_images(page)?;
            pictures.iter().map(|picture| picture.to_dynamic_image()).collect::<Result<Vec<_>, _>>()
        });
        // The other pages are worth reading all the same.
        let Ok(Ok(pictures)) = pictures else { continue };
        for picture in pictures {
            if each(page + 1, picture).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Begins a page (from 1); the first needs no mark.
pub(crate) fn mark_page(page: usize, body: &mut String) {
    if page > 1 {
        let gap = if body.is_empty() { "" } else { "\n" };
        body.push_str(&format!("{gap}<!-- page {page} -->\n\n"));
    }
}

/// The page that a line begins, if it is such a mark.
pub(crate) fn page_of_mark(line: &str) -> Option<usize> {
    line.trim_end().strip_prefix("<!-- page ")?.strip_suffix(" -->")?.parse().ok()
}

/// The parser's own panics, which a few damaged files in a thousand cause, are failures here.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| Failure::Damaged("the PDF reader gave up on it".to_owned()))
}

/// Whether the end is missing, and with it the table of the file's objects.
fn is_cut(bytes: &[u8]) -> bool {
    let end = &bytes[bytes.len().saturating_sub(END_BYTES)..];
    find(end, b"startxref").is_none()
}

/// The file without its pictures. In a file without a table the parser looks for the end of each
/// object in a time that grows with the square of its size; what is shifted is looked up nowhere.
fn without_images(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, b"stream") {
        let (head, data) = rest.split_at(at + b"stream".len());
        out.extend_from_slice(head);
        rest = data;
        let dictionary = &head[head.len().saturating_sub(DICTIONARY_BYTES)..];
        let start = dictionary.windows(4).rposition(|window| window == b" obj").unwrap_or(0);
        let is_end = head.ends_with(b"endstream");
        if !is_end && find(&dictionary[start..], b"/Image").is_some() {
            rest = find(data, b"endstream").map_or(&[], |end| &data[end..]);
            out.push(b'\n');
        }
    }
    out.extend_from_slice(rest);
    out
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// A page's lines, escaped; its bullets become list items.
pub(crate) fn page_markdown(page: &str, body: &mut String) {
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
