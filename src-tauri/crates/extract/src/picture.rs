//! Pictures as notes of their own: the file is attached, and its EXIF data tells when and with what it
//! was taken. What is written in it is for [`crate::pixels`].

use std::io::Cursor;

use exif::{In, Tag};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::{Attachments, Extracted, Failure, extension, inline, one_line, yaml};

/// Whether a file is a picture, by its name.
pub fn is_picture(file_name: &str) -> bool {
    matches!(
        extension(file_name).as_str(),
        "png"
            | "jpg"
            | "jpeg"
            | "jpe"
            | "jfif"
            | "gif"
            | "webp"
            | "avif"
            | "heic"
            | "heif"
            | "tif"
            | "tiff"
            | "bmp"
    )
}

/// Whether a picture is part of a saved page (`Page_files/`) or of a program's resources.
pub fn belongs_to_page(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').any(|folder| {
        let folder = folder.to_lowercase();
        ["_files", "-files", ".files", "_dateien", "_fichiers", "_archivos", ".resources"]
            .iter()
            .any(|end| folder.ends_with(end))
    })
}

pub(crate) fn picture(name: &str, bytes: &[u8]) -> Result<Extracted, Failure> {
    let shown = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if !looks_like_one(bytes) {
        return Err(Failure::Damaged("it is no picture, although its name says so".to_owned()));
    }
    let mut attachments = Attachments::default();
    let kept = attachments.add(shown, bytes.to_vec());
    let taken = exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).ok();
    let field = |tag: Tag| {
        let field = taken.as_ref()?.get_field(tag, In::PRIMARY)?;
        match &field.value {
            exif::Value::Ascii(parts) => {
                let text = parts.first().map(|part| crate::text::decode(part, None).0)?;
                one_line(text.trim_end_matches('\0'))
            }
            _ => None,
        }
    };
    let moment = field(Tag::DateTimeOriginal).or_else(|| field(Tag::DateTimeDigitized));
    let offset = field(Tag::OffsetTimeOriginal);
    let created_ms =
        moment.or_else(|| field(Tag::DateTime)).and_then(|text| time(&text, offset.as_deref()));
    let camera = [field(Tag::Make), field(Tag::Model)];
    let camera = match camera {
        [Some(make), Some(model)] if model.starts_with(&make) => Some(model),
        [Some(make), Some(model)] => Some(format!("{make} {model}")),
        [make, model] => make.or(model),
    };
    let description =
        field(Tag::ImageDescription).filter(|text| text.chars().any(char::is_alphanumeric));
    let place = taken.as_ref().and_then(location);
    let mut body = format!("![{}]({kept})\n", inline::escape(shown, false));
    if let Some(text) = &description {
        body.push_str(&format!("\n{}\n", inline::escape_start(&inline::escape(text, false))));
    }
    Ok(Extracted {
        body,
        front_matter: yaml(&[
            ("author", field(Tag::Artist).as_deref()),
            ("camera", camera.as_deref()),
            ("location", place.as_deref()),
        ]),
        kind: "image",
        created_ms,
        attachments: attachments.files,
        scanned: 1,
        ..Extracted::default()
    })
}

/// Whether bytes start as those of a picture do.
fn looks_like_one(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 7] =
        [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*"];
    starts.iter().any(|start| bytes.starts_with(start)) || bytes.get(4..8) == Some(b"ftyp")
}

/// `2024:01:31 12:00:00`, the camera's own time, with an offset such as `+01:00` where it knew one.
fn time(text: &str, offset: Option<&str>) -> Option<i64> {
    let time = DateTime::strptime("%Y:%m:%d %H:%M:%S", text.trim()).ok()?;
    let sign = |text: &str| if text.starts_with('-') { -1 } else { 1 };
    let seconds = offset.and_then(|text| {
        let (hours, minutes) = text.trim_start_matches(['+', '-']).split_once(':')?;
        let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
        Some(sign(text) * minutes * 60)
    });
    let zone = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
    let zone = zone.map_or(TimeZone::UTC, TimeZone::fixed);
    Some(time.to_zoned(zone).ok()?.timestamp().as_millisecond())
}

/// Latitude and longitude in degrees.
fn location(exif: &exif::Exif) -> Option<String> {
    let degrees = |tag: Tag, sign: Tag, negative: char| {
        let exif::Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else {
            return None;
        };
        let [degrees, minutes, seconds] = parts.as_slice() else { return None };
        let value = degrees.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3600.0;
        let negated = exif.get_field(sign, In::PRIMARY)?.display_value().to_string();
        let value = if negated.starts_with(negative) { -value } else { value };
        value.is_finite().then_some(value)
    };
    let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, 'S')?;
    let longitude = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, 'W')?;
    (latitude != 0.0 || longitude != 0.0).then(|| format!("{latitude:.5}, {longitude:.5}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures() {
        let read = picture("a b.png", b"\x89PNG\r\n\x1a\n").expect("a picture");
        assert_eq!((read.body.as_str(), read.kind), ("![a b.png](a-b.png)\n", "image"));
        assert!(read.scanned == 1 && read.attachments.len() == 1);
        assert!(matches!(picture("a.png", b"<html>"), Err(Failure::Damaged(_))));
        assert_eq!(time("1970:01:01 01:00:01", Some("+01:00")), Some(1000));
        assert_eq!(time("1970:01:01 00:00:01", None), Some(1000));
        assert_eq!(time("0000:00:00 00:00:00", None), None);
        assert!(belongs_to_page("x/Page_files/a.png") && !belongs_to_page("x/files/a.png"));
    }

    #[test]
    fn what_a_camera_says() {
        // A TIFF with one directory: Make "Cam", DateTime.
        let date = b"1970:01:01 00:00:05\0";
        let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend(b"\x0f\x01\x02\0\x04\0\0\0Cam\0");
        tiff.extend(b"\x32\x01\x02\0\x14\0\0\0\x26\0\0\0");
        tiff.extend([0; 4]);
        tiff.extend(date);
        let read = picture("x.tif", &tiff).expect("a picture");
        assert_eq!(read.created_ms, Some(5000));
        assert_eq!(read.front_matter, "camera: \"Cam\"\n");
    }
}
