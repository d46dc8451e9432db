//! Pictures of text: decoded here, so that what recognises the text is given plain pixels and no format
//! that it would have to trust, and its text put back where the pages belong.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use image::{DynamicImage, ImageDecoder, ImageReader, imageops::FilterType};
use serde::{Deserialize, Serialize};

use crate::{ExtractError, Failure, Format, Input, extension, format, pdf};

/// A line of text is at least as high, in pixels.
const MIN_SIDE: u32 = 24;
/// An A4 page at 400 dots an inch. A larger picture is made smaller: it takes longer and says no more.
const MAX_SIDE: u32 = 4700;
/// Bytes that decoding one picture may take.
const MAX_DECODED: u64 = 512 << 20;

/// A page, or one of several pictures on it, in 256 greys: row by row from the top, without padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pixels {
    /// From 1.
    pub page: usize,
    pub width: u32,
    pub height: u32,
    /// `width` × `height` bytes; 255 is white.
    pub grey: Vec<u8>,
}

impl Pixels {
    fn of(page: usize, picture: &DynamicImage) -> Option<Pixels> {
        let (width, height) = (picture.width(), picture.height());
        if width.min(height) < MIN_SIDE {
            return None;
        }
        let smaller = (width.max(height) > MAX_SIDE)
            .then(|| picture.resize(MAX_SIDE, MAX_SIDE, FilterType::Triangle));
        let grey = smaller.as_ref().unwrap_or(picture).to_luma8();
        Some(Pixels { page, width: grey.width(), height: grey.height(), grey: grey.into_raw() })
    }
}

/// Gives out the pictures of those pages of a document that have no text of their own, until `each` wants
/// no more. Pages of which a picture cannot be decoded are passed over.
///
/// # Errors
/// Neither a PDF nor a picture, or too damaged to read.
pub fn pixels(
    input: &Input<'_>,
    each: &mut dyn FnMut(Pixels) -> ControlFlow<()>,
) -> Result<(), ExtractError> {
    let extension = extension(input.file_name);
    let result = match format(&extension) {
        Some(Format::Pdf) => pdf::pictures(input.bytes, &mut |page, picture| {
            Pixels::of(page, &picture).map_or(ControlFlow::Continue(()), &mut *each)
        }),
        Some(Format::Picture) => decode(input.bytes).map(|picture| {
            // Whether more is wanted after the only one does not matter.
            let _ = Pixels::of(1, &picture).map(each);
        }),
        _ => {
            let file = input.file_name.to_owned();
            return Err(ExtractError::Unsupported { file, extension });
        }
    };
    result.map_err(|failure| failure.named(input.file_name))
}

/// A picture as it is to be looked at: turned as its camera says.
fn decode(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    let damaged = |error: &dyn std::fmt::Display| Failure::Damaged(error.to_string());
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| damaged(&e))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
    let orientation = decoder.orientation().map_err(|e| damaged(&e))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The body of a scanned document with the text that was recognised on its pages (from 1), as Markdown.
pub fn with_recognised(extracted: &crate::Extracted, pages: &BTreeMap<usize, String>) -> String {
    let markdown = |recognised: &str| {
        let mut body = String::new();
        pdf::page_markdown(recognised, &mut body);
        body
    };
    if extracted.kind != "pdf" {
        let recognised: String = pages.values().map(|page| markdown(page)).collect();
        return format!("{}\n{recognised}", extracted.body);
    }
    let mut all: BTreeMap<usize, String> =
        pages.iter().map(|(page, recognised)| (*page, markdown(recognised))).collect();
    let mut page = 1;
    for line in extracted.body.split_inclusive('\n') {
        match pdf::page_of_mark(line) {
            Some(next) => page = next,
            None => all.entry(page).or_default().push_str(line),
        }
    }
    let mut body = String::new();
    for (page, text) in all {
        let text = text.trim();
        if !text.is_empty() {
            pdf::mark_page(page, &mut body);
            body.push_str(text);
            body.push('\n');
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extracted;

    #[test]
    fn recognised_pages_stand_where_they_belong() {
        let of = |kind, body: &str| Extracted { kind, body: body.to_owned(), ..Default::default() };
        let recognised: BTreeMap<usize, String> = [
            (1, "Front *page*".to_owned()),
            (3, "• One\n\n\nTwo\n".to_owned()),
            (4, " \n".to_owned()),
        ]
        .into();
        let mixed = of("pdf", "<!-- page 2 -->\n\nTyped\n");
        assert_eq!(
            with_recognised(&mixed, &recognised),
            "Front \\*page\\*\n\n<!-- page 2 -->\n\nTyped\n\n<!-- page 3 -->\n\n- One\n\nTwo\n"
        );
        let photo = of("image", "![a](a.png)\n");
        let recognised = [(1, "Exit".to_owned())].into();
        assert_eq!(with_recognised(&photo, &recognised), "![a](a.png)\n\nExit\n");
    }

    #[test]
    fn pictures_become_grey_pixels() {
        let mut png = Cursor::new(Vec::new());
        let picture =
            image::GrayImage::from_fn(40, 30, |x, _| image::Luma([if x < 20 { 0 } else { 255 }]));
        picture.write_to(&mut png, image::ImageFormat::Png).expect("written");
        let png = png.into_inner();
        let mut all = Vec::new();
        let mut read = |bytes: &[u8]| {
            all.clear();
            let input = Input { file_name: "a.png", bytes };
            let result = pixels(&input, &mut |pixels| {
                all.push(pixels);
                ControlFlow::Continue(())
            });
            result.map(|()| all.clone())
        };
        let [page] = read(&png).expect("a picture").try_into().expect("one");
        assert_eq!((page.page, page.width, page.height, page.grey.len()), (1, 40, 30, 1200));
        assert_eq!((page.grey[0], page.grey[39]), (0, 255));
        assert!(read(&png[..40]).is_err());
        assert!(
            pixels(&Input { file_name: "a.txt", bytes: b"a" }, &mut |_| ControlFlow::Continue(()))
                .is_err()
        );
    }
}
