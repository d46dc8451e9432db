//! Mails: the Internet message format and MIME (RFC 5322, RFC 2045), read with mail-parser. The
//! subject becomes the title, who wrote to whom goes into the front matter.

use std::borrow::Cow;

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::{Attachments, Extracted, Failure, html, inline, one_line, text, yaml};

/// Attachments of a mail; more are an attack.
const MAX_ATTACHMENTS: usize = 1_000;

pub(crate) fn eml(bytes: &[u8]) -> Result<Extracted, Failure> {
    // Some programs save mails as UTF-16 text.
    let bytes = match text::decode_wide(bytes) {
        Some(text) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(bytes),
    };
    if bytes.iter().filter(|byte| matches!(byte, 0..=6 | 14..=26)).count() * 50 > bytes.len() + 50 {
        return Err(Failure::Binary);
    }
    let empty = Extracted { kind: "eml", keep_original: true, ..Extracted::default() };
    let Some(message) = MessageParser::default().parse(bytes.as_ref()) else {
        return Ok(empty);
    };
    let mut attachments = Attachments::default();
    let mut warnings = Vec::new();
    let mut pictures = Vec::new();
    let mut listed = String::new();
    if message.attachments.len() > MAX_ATTACHMENTS {
        warnings.push(format!("Attachments beyond the {MAX_ATTACHMENTS}th were left out."));
    }
    for part in message.attachments().take(MAX_ATTACHMENTS) {
        let content = content(part, &bytes);
        if content.is_empty() {
            continue;
        }
        let name = attachments.add(&attachment_name(part), content);
        if let Some(id) = part.content_id() {
            pictures.push((id.trim_matches(['<', '>']).to_owned(), name.clone()));
        }
        let mark = if crate::media_type(&name).starts_with("image/") { "!" } else { "" };
        let reference = format!("[{}]({name})", inline::escape(&name, false));
        listed.push_str(&format!("\n{mark}{reference}\n"));
    }
    let mut body = body(&message, &mut attachments, &pictures)?;
    // What the text itself shows is not listed again.
    for block in listed.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let target = block.trim().rsplit("](").next().unwrap_or_default();
        if !body.contains(&format!("]({target}")) {
            body.push_str(&format!("\n{}\n", block.trim()));
        }
    }
    let date = message.date().filter(|date| date.is_valid());
    let sent = date.map(|date| date.to_rfc3339());
    Ok(Extracted {
        title: message.subject().and_then(one_line),
        body: body.trim_start_matches('\n').to_owned(),
        front_matter: yaml(&[
            ("subject", message.subject()),
            ("from", addresses(message.from()).as_deref()),
            ("to", addresses(message.to()).as_deref()),
            ("cc", addresses(message.cc()).as_deref()),
            ("date", sent.as_deref()),
        ]),
        created_ms: date.map(|date| date.to_timestamp().saturating_mul(1000)),
        attachments: attachments.files,
        warnings,
        ..empty
    })
}

fn addresses(field: Option<&Address<'_>>) -> Option<String> {
    let one = |address: &mail_parser::Addr<'_>| match (&address.name, &address.address) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (name, address) => Some(name.as_ref().or(address.as_ref())?.to_string()),
    };
    let all: Vec<String> = field?.iter().filter_map(one).take(100).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn attachment_name(part: &MessagePart<'_>) -> String {
    if let Some(name) = part.attachment_name() {
        return name.to_owned();
    }
    if let PartType::Message(message) = &part.body {
        return format!("{}.eml", message.subject().unwrap_or("message"));
    }
    let kind = part.content_type();
    let extension = kind.and_then(|kind| kind.subtype()).unwrap_or("bin");
    let extension = match extension {
        "plain" => "txt",
        "jpeg" => "jpg",
        "svg+xml" => "svg",
        "octet-stream" => "bin",
        other => other,
    };
    format!("attachment.{extension}")
}

/// An attachment's bytes; a mail within the mail as it was sent.
fn content(part: &MessagePart<'_>, source: &[u8]) -> Vec<u8> {
    match &part.body {
        PartType::Message(message) if message.raw_message.is_empty() => {
            let range = part.offset_body as usize..part.offset_end as usize;
            source.get(range).unwrap_or_default().to_vec()
        }
        PartType::Message(message) => message.raw_message.to_vec(),
        _ => part.contents().to_vec(),
    }
}

/// The text, or the page where there is no text or one that says much less.
fn body(
    message: &Message<'_>,
    attachments: &mut Attachments,
    pictures: &[(String, String)],
) -> Result<String, Failure> {
    let plain = |part: &MessagePart<'_>| match &part.body {
        PartType::Text(text) => Some(text::tidy(text).trim().to_owned()),
        _ => None,
    };
    let texts: Vec<String> = message.text_bodies().filter_map(plain).collect();
    let texts = texts.join("\n\n");
    let mut page = String::new();
    for part in message.html_bodies() {
        if let PartType::Html(source) = &part.body {
            let mut locate = |source: &str, _: &mut Attachments| {
                let id = source.strip_prefix("cid:")?;
                pictures.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone())
            };
            // The text is decoded by now, whatever the page says of its encoding.
            let marked = format!("\u{feff}{source}");
            let markdown = html::content(marked.as_bytes(), attachments, &mut locate)?;
            page.push_str(&markdown);
            page.push('\n');
        }
    }
    let words = |text: &str| text.split_whitespace().count();
    let mut body = if words(&texts) * 2 >= words(&page) { texts } else { page };
    body.truncate(body.trim_end().len());
    if !body.is_empty() {
        body.push('\n');
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mail: &str) -> Extracted {
        eml(mail.replace('\n', "\r\n").as_bytes()).expect("a mail")
    }

    #[test]
    fn mails() {
        let mail = read(
            "From: Ann <ann@example.org>\nTo: b@example.org, c@example.org\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\nDate: Thu, 1 Jan 1970 01:00:01 +0100\n\nHello\n\nBob\n",
        );
        assert_eq!((mail.title.as_deref(), mail.body.as_str()), (Some("Grüße"), "Hello\n\nBob\n"));
        assert_eq!(
            mail.front_matter,
            "subject: \"Grüße\"\nfrom: \"Ann <ann@example.org>\"\nto: \"b@example.org, c@example.org\"\ndate: \"1970-01-01T01:00:01+01:00\"\n"
        );
        assert_eq!(mail.created_ms, Some(1000));
        let page = "From: a@b\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html; charset=utf-8\n\n<meta charset=windows-1251><p>grün <b>bold</b> <img src='cid:p1'>\n--x\nContent-Type: image/png; name=dot.png\nContent-ID: <p1>\nContent-Transfer-Encoding: base64\n\nAAAA\n--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"../re port.pdf\"\nContent-Transfer-Encoding: base64\n\nBBBB\n--x--\n";
        let mail = read(page);
        assert_eq!(mail.body, "grün **bold** ![](dot.png)\n\n[re-port.pdf](re-port.pdf)\n");
        assert_eq!(mail.attachments.len(), 2);
        let utf16: Vec<u8> =
            "\u{feff}Subject: wide\n\ntext".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(eml(&utf16).expect("a mail").title.as_deref(), Some("wide"));
        assert_eq!(read("").body, "");
    }

    #[test]
    fn hostile_mails() {
        let mut nested = String::new();
        for n in 0..2_000 {
            nested.push_str(&format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"));
        }
        read(&nested);
        read(&"Content-Type: message/rfc822\n\n".repeat(20_000));
        read(&format!("Subject: {}\n\nx", "=?UTF-8?B?".repeat(50_000)));
        read(&format!("To: {}\n\nx", "a@b,<".repeat(50_000)));
        read(&format!("Content-Type: multipart/mixed; boundary=x\n\n{}", "--x\n".repeat(100_000)));
        assert!(matches!(eml(&[1; 1000]), Err(Failure::Binary)));
    }
}
