//! Plain text and Markdown in any encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::{Extracted, Failure};

/// Enough for the detector to decide, and quick for a huge file.
const DETECT_BYTES: usize = 4 << 20;

pub(crate) fn plain(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (body, warnings) = decode_text(bytes)?;
    Ok(Extracted { body, warnings, kind: "text", ..Extracted::default() })
}

pub(crate) fn markdown(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, warnings) = decode_text(bytes)?;
    let (front_matter, body) = split_front_matter(&text);
    Ok(Extracted {
        title: front_title(front_matter),
        front_matter: front_matter.to_owned(),
        body: body.to_owned(),
        warnings,
        kind: "markdown",
        ..Extracted::default()
    })
}

/// `(YAML, rest)` of text that opens with `---`-fenced YAML; the first is empty if it does not.
fn split_front_matter(text: &str) -> (&str, &str) {
    let none = ("", text);
    let Some(start) = text.find('\n').map(|at| at + 1) else { return none };
    if text[..start].trim_end() != "---" {
        return none;
    }
    let mut at = start;
    let mut yaml_like = None;
    for line in text[start..].split_inclusive('\n') {
        let content = line.trim_end();
        if content == "---" || content == "..." {
            // A thematic break may open a text, too: then what follows is no mapping.
            return match yaml_like {
                Some(false) => none,
                _ => (&text[start..at], text[at + line.len()..].trim_start_matches('\n')),
            };
        }
        if yaml_like.is_none() && !content.is_empty() && !content.starts_with('#') {
            yaml_like = Some(
                content.split_once(':').is_some_and(|(key, value)| {
                    !key.is_empty()
                        && key.split_whitespace().count() <= 3
                        && (value.is_empty() || value.starts_with([' ', '\t']))
                }) || content.starts_with('{'),
            );
        }
        at += line.len();
    }
    none
}

/// The one-line `title:` of YAML. Other forms are left to the reader of the front matter.
fn front_title(yaml: &str) -> Option<String> {
    let value = yaml.lines().find_map(|line| line.strip_prefix("title:"))?.trim();
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    let title = if let Some(inner) = quoted('"') {
        inner.replace("\\\"", "\"").replace("\\\\", "\\")
    } else if let Some(inner) = quoted('\'') {
        inner.replace("''", "'")
    } else if value.starts_with(['"', '\'', '>', '|', '[', '{', '&', '*', '!']) {
        return None;
    } else {
        value.split(" #").next().unwrap_or(value).to_owned()
    };
    crate::one_line(&title)
}

/// Text with `\n` line ends and no control characters but tabs.
pub(crate) fn decode_text(bytes: &[u8]) -> Result<(String, Vec<String>), Failure> {
    let (text, guess) = decode(bytes, None);
    let mut warnings = Vec::new();
    if let Some(encoding) = guess {
        warnings.push(format!("The encoding was guessed to be {encoding}."));
    }
    let is_bad = |c: char| {
        matches!(c, '\0'..='\u{7}' | '\u{b}' | '\u{e}'..='\u{1a}' | '\u{1c}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffd}')
            && c != '\u{85}'
    };
    let mut bad = 0;
    let mut chars = 0;
    for c in text.chars() {
        chars += 1;
        bad += usize::from(is_bad(c));
    }
    // A log or an old word processor's text may hold a stray control character; a binary holds many.
    if bad * 50 > chars + 50 {
        return Err(Failure::Binary);
    }
    let lost = text.chars().filter(|&c| c == '\u{fffd}').count();
    if lost > 0 {
        warnings.push(format!("{lost} characters could not be decoded."));
    }
    Ok((tidy(&text), warnings))
}

/// `\n` line ends; control characters other than tabs dropped.
pub(crate) fn tidy(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            '\u{c}' | '\u{85}' => out.push('\n'),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Decodes by byte order mark, by shape (UTF-8, UTF-16, UTF-32), by `label`, or by guessing. The
/// second is the encoding's name if it was guessed.
pub(crate) fn decode(
    bytes: &[u8],
    label: Option<&'static Encoding>,
) -> (String, Option<&'static str>) {
    if let Some(text) = decode_wide(bytes) {
        return (text, None);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return (String::from_utf8_lossy(rest).into_owned(), None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        // ISO-2022-JP is pure ASCII to look at, with escape sequences.
        if !text.as_bytes().windows(2).any(|pair| pair == b"\x1b$" || pair == b"\x1b(") {
            return (text.to_owned(), None);
        }
    } else if mostly_utf8(bytes) {
        return (String::from_utf8_lossy(bytes).into_owned(), None);
    }
    if let Some(label) = label.filter(|label| *label != UTF_8) {
        let (text, _, lossy) = label.decode(bytes);
        if !lossy {
            return (text.into_owned(), None);
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let head = &bytes[..bytes.len().min(DETECT_BYTES)];
    detector.feed(head, head.len() == bytes.len());
    let guess = detector.guess(None, Utf8Detection::Allow);
    let guessed = (!bytes.is_ascii()).then_some(guess.name());
    (guess.decode_without_bom_handling(bytes).0.into_owned(), guessed)
}

/// Text in UTF-16 or UTF-32, with a byte order mark or by its shape.
pub(crate) fn decode_wide(bytes: &[u8]) -> Option<String> {
    if let Some(text) = decode_utf32(bytes) {
        return Some(text);
    }
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) if encoding != UTF_8 => {
            Some(encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned())
        }
        Some(_) => None,
        None => decode_utf16(bytes),
    }
}

/// Whether the text is UTF-8 with a few broken places, such as a cut end.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let mut broken = 0;
    let mut good = 0;
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    good >= 4 && broken * 10 <= good
}

fn decode_utf32(bytes: &[u8]) -> Option<String> {
    if bytes.len() < 4 || !bytes.len().is_multiple_of(4) {
        return None;
    }
    // Without a mark, a zero in each unit's high byte is what tells UTF-32 from all else.
    let read: fn([u8; 4]) -> u32 = if bytes[0] == 0 && bytes[1] == 0 {
        u32::from_be_bytes
    } else if bytes[2] == 0 && bytes[3] == 0 {
        u32::from_le_bytes
    } else {
        return None;
    };
    let unit = |four: &[u8]| four.try_into().ok().map(read).and_then(char::from_u32);
    let text: Option<String> = bytes.chunks_exact(4).map(unit).collect();
    let text = text?;
    (!text.contains('\0')).then(|| text.trim_start_matches('\u{feff}').to_owned())
}

/// UTF-16 without a byte order mark.
fn decode_utf16(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(1 << 16) & !1];
    let zeros = |odd: usize| head.chunks_exact(2).filter(|pair| pair[odd] == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let encoding = match even.cmp(&odd) {
        std::cmp::Ordering::Less if even * 20 <= odd => UTF_16LE,
        std::cmp::Ordering::Greater if odd * 20 <= even => UTF_16BE,
        _ => return None,
    };
    let (text, malformed) = encoding.decode_without_bom_handling(head);
    let strange =
        text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    let strange = strange + text.matches('\u{fffd}').count();
    // One may be a surrogate pair cut by the head's end.
    if (malformed && strange > 1) || strange * 50 > text.chars().count() + 50 {
        return None;
    }
    Some(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let check = |bytes: &[u8], expected: &str| {
            let body = plain(bytes).expect("text").body;
            assert_eq!(body, expected, "{bytes:?}");
        };
        let utf16 = |text: &str, le: bool, bom: bool| -> Vec<u8> {
            let bom = bom.then_some(0xfeff);
            let units = bom.into_iter().chain(text.encode_utf16());
            units.flat_map(|u| if le { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        let utf32 = |text: &str, le: bool, bom: bool| -> Vec<u8> {
            let bom = bom.then_some('\u{feff}');
            let units = bom.into_iter().chain(text.chars()).map(u32::from);
            units.flat_map(|u| if le { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        check(b"", "");
        check(b"plain\r\ntext\rend", "plain\ntext\nend");
        check(b"\xef\xbb\xbfmark", "mark");
        let sample = "Grüße, 世界 🌍!\n";
        for le in [false, true] {
            check(&utf16(sample, le, true), sample);
            check(&utf16("Grüße an alle Leser\n", le, false), "Grüße an alle Leser\n");
            check(&utf32(sample, le, true), sample);
            check(&utf32(sample, le, false), sample);
        }
        let russian = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.";
        check(&encoding_rs::WINDOWS_1251.encode(russian).0, russian);
        check(&encoding_rs::KOI8_R.encode(russian).0, russian);
        let japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";
        check(&encoding_rs::SHIFT_JIS.encode(japanese).0, japanese);
        check(&encoding_rs::EUC_JP.encode(japanese).0, japanese);
        check(&encoding_rs::ISO_2022_JP.encode(japanese).0, japanese);
        check(b"caf\xe9 cr\xe8me", "café crème");
        check("Ein Bär, ein Löwe, drei Mäuse\u{0}".as_bytes(), "Ein Bär, ein Löwe, drei Mäuse");
        check(b"\x1b[31mred\x1b[0m", "[31mred[0m");
    }

    #[test]
    fn binary_is_refused() {
        let noise: Vec<u8> =
            (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in [&noise[..], b"\0\0\0\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10"] {
            assert!(matches!(plain(bytes), Err(Failure::Binary)));
        }
    }

    #[test]
    fn front_matter() {
        let check = |text: &str, yaml: &str, body: &str, title: Option<&str>| {
            let read = markdown(text.as_bytes()).expect("text");
            assert_eq!((read.front_matter.as_str(), read.body.as_str()), (yaml, body), "{text}");
            assert_eq!(read.title.as_deref(), title, "{text}");
        };
        check(
            "---\ntitle: A b\ntags: [x]\n---\n\nBody",
            "title: A b\ntags: [x]\n",
            "Body",
            Some("A b"),
        );
        check(
            "---\r\ntitle: \"A: \\\"b\\\"\"\r\n---\r\nBody",
            "title: \"A: \\\"b\\\"\"\n",
            "Body",
            Some("A: \"b\""),
        );
        check("---\ntitle: 'it''s' \n...\nBody", "title: 'it''s' \n", "Body", Some("it's"));
        check("---\n---\nBody", "", "Body", None);
        check("---\na thought\n---\nBody", "", "---\na thought\n---\nBody", None);
        check("---\ntitle: cut", "", "---\ntitle: cut", None);
        check("# Title\n", "", "# Title\n", None);
        check("---\ntitle: >\n  folded\n---\n", "title: >\n  folded\n", "", None);
    }
}
