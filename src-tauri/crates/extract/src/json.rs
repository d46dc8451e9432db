//! JSON and the documents that are written in it: Jupyter notebooks (nbformat 4) and the notes of
//! a Google Keep export (Takeout). Other JSON is shown as code.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{Attachments, Extracted, Failure, clean, html, inline, one_line, text, yaml};

/// Bytes that indenting may make of a text; one of brackets alone could grow without end.
const MAX_TEXT: usize = 64 << 20;
/// Longer texts are not taken apart: what is made of them is much larger than they are.
const MAX_PARSED: usize = 48 << 20;
/// A result of a notebook's cell that is longer was not meant for reading.
const MAX_OUTPUT: usize = 64 << 10;

/// One value, indented, or a note of Google Keep.
pub(crate) fn json(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, mut warnings) = text::decode_text(bytes)?;
    if text.len() <= MAX_PARSED
        && text.contains("\"userEditedTimestampUsec\"")
        && let Ok(note) = serde_json::from_str(&text)
    {
        return Ok(keep(&note));
    }
    let shown = match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(_) => indented(&text).unwrap_or(text),
        Err(error) => {
            warnings.push(format!("It is no valid JSON ({error}): its text is kept as it is."));
            text
        }
    };
    let body = fenced(&shown, "json");
    Ok(Extracted { body, warnings, kind: "json", keep_original: true, ..Extracted::default() })
}

/// One value a line, as it is.
pub(crate) fn lines(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, warnings) = text::decode_text(bytes)?;
    let body = fenced(&text, "json");
    Ok(Extracted { body, warnings, kind: "json", keep_original: true, ..Extracted::default() })
}

/// A fenced block of code.
pub(crate) fn fenced(code: &str, language: &str) -> String {
    let code = code.trim_matches('\n').trim_end();
    if code.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(inline::longest_run(code, '`').max(2) + 1);
    format!("{fence}{language}\n{code}\n{fence}\n")
}

/// Valid JSON with line breaks and indentation; what is in it stays to the letter. `None`: too long.
fn indented(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(end) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(depth, &mut out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(depth, &mut out);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(depth, &mut out);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
        if out.len() > MAX_TEXT.max(text.len()) {
            return None;
        }
    }
    Some(out)
}

/// A text that may be given as a list of lines.
fn multiline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// A Jupyter notebook: text as it is, code and its textual results in fences, plots as pictures.
pub(crate) fn notebook(bytes: &[u8]) -> Result<Extracted, Failure> {
    let (text, _) = text::decode_text(bytes)?;
    if text.len() > MAX_PARSED {
        return Err(Failure::TooLarge(MAX_PARSED));
    }
    let damaged = |error: serde_json::Error| Failure::Damaged(error.to_string());
    let book: Value = serde_json::from_str(&text).map_err(damaged)?;
    let metadata = &book["metadata"];
    let language = metadata["language_info"]["name"].as_str();
    let language = language.or_else(|| metadata["kernelspec"]["language"].as_str());
    let language: String = language.unwrap_or_default().split_whitespace().take(1).collect();
    // Version 3 has its cells on sheets of paper, and code by another name.
    let cells = book["cells"].as_array().or_else(|| book["worksheets"][0]["cells"].as_array());
    let Some(cells) = cells else {
        return Err(Failure::Damaged("it has no cells".to_owned()));
    };
    let mut attachments = Attachments::default();
    let mut parts: Vec<String> = Vec::new();
    for cell in cells {
        let source = if cell["source"].is_null() { &cell["input"] } else { &cell["source"] };
        let source = text::tidy(&multiline(source));
        match cell["cell_type"].as_str() {
            Some("code") => {
                parts.push(fenced(&source, &language));
                for output in cell["outputs"].as_array().into_iter().flatten() {
                    parts.push(result(output, &mut attachments)?);
                }
            }
            Some("raw") => parts.push(fenced(&source, "")),
            Some("heading") => {
                let level = cell["level"].as_u64().unwrap_or(1).clamp(1, 6);
                parts.push(format!("{} {source}\n", "#".repeat(level as usize)));
            }
            _ => {
                let mut source = source;
                for (name, forms) in cell["attachments"].as_object().into_iter().flatten() {
                    let picture = forms.as_object().and_then(|forms| forms.values().next());
                    let picture = picture.map(multiline);
                    if let Some(bytes) = picture.and_then(|data| clean::base64(&data)) {
                        let kept = attachments.add(name, bytes);
                        source = source.replace(&format!("attachment:{name}"), &kept);
                    }
                }
                parts.push(format!("{}\n", source.trim_end()));
            }
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    let authors = metadata["authors"].as_array().into_iter().flatten();
    let authors: Vec<&str> = authors.filter_map(|author| author["name"].as_str()).collect();
    Ok(Extracted {
        title: metadata["title"].as_str().and_then(one_line),
        body: parts.join("\n"),
        front_matter: yaml(&[("author", Some(authors.join(", ").as_str()))]),
        kind: "ipynb",
        attachments: attachments.files,
        keep_original: true,
        ..Extracted::default()
    })
}

/// What running a cell gave: the richest form that a note can hold.
fn result(output: &Value, attachments: &mut Attachments) -> Result<String, Failure> {
    // Version 3 has the forms beside the rest.
    let data = if output["data"].is_object() { &output["data"] } else { output };
    for (form, extension) in
        [("image/png", "png"), ("image/jpeg", "jpg"), ("png", "png"), ("jpeg", "jpg")]
    {
        let bytes = clean::base64(&multiline(&data[form]));
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
            let name = attachments.add(&format!("output.{extension}"), bytes);
            return Ok(format!("![]({name})\n"));
        }
    }
    if let Some(svg) = data["image/svg+xml"].as_str() {
        let name = attachments.add("output.svg", svg.as_bytes().to_vec());
        return Ok(format!("![]({name})\n"));
    }
    let markdown = multiline(&data["text/markdown"]);
    if !markdown.is_empty() {
        return Ok(format!("{}\n", text::tidy(&markdown).trim_end()));
    }
    let page = multiline(&data["text/html"]);
    if page.contains("<table") && page.len() <= MAX_OUTPUT {
        return html::content(page.as_bytes(), attachments, &mut |_, _| None);
    }
    let trace = output["traceback"].as_array().into_iter().flatten();
    let trace: Vec<&str> = trace.filter_map(Value::as_str).collect();
    let plain = [&data["text/plain"], &output["text"]].map(multiline).concat();
    let mut plain = without_colours(&(plain + &trace.join("\n")));
    if plain.len() > MAX_OUTPUT {
        plain.truncate(plain.floor_char_boundary(MAX_OUTPUT));
        plain.push_str("\n…");
    }
    Ok(fenced(&plain, ""))
}

/// Terminal text without its control sequences.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        out.push_str(&part[end..]);
    }
    text::tidy(&out)
}

/// One note of a Google Keep export. Its pictures lie beside it, so they are embedded by name.
fn keep(note: &Value) -> Extracted {
    let mut parts = Vec::new();
    let text = note["textContent"].as_str().map(text::tidy).unwrap_or_default();
    if !text.trim().is_empty() {
        parts.push(inline::lines(&text));
    }
    let items = note["listContent"].as_array().into_iter().flatten().filter_map(|item| {
        let mark = if item["isChecked"].as_bool() == Some(true) { 'x' } else { ' ' };
        Some(format!("- [{mark}] {}", one_line(item["text"].as_str()?)?))
    });
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        parts.push(items.join("\n"));
    }
    let links = note["annotations"].as_array().into_iter().flatten().filter_map(|link| {
        let url = link["url"].as_str().filter(|url| inline::is_link(url) && !text.contains(url))?;
        let title = link["title"].as_str().and_then(one_line).unwrap_or_else(|| url.to_owned());
        Some(format!("- [{}]({})", inline::escape(&title, false), inline::destination(url)))
    });
    let links: Vec<String> = links.collect();
    if !links.is_empty() {
        parts.push(links.join("\n"));
    }
    for file in note["attachments"].as_array().into_iter().flatten() {
        parts.extend(
            file["filePath"].as_str().map(|path| format!("![]({})", inline::destination(path))),
        );
    }
    let labels = note["labels"].as_array().into_iter().flatten();
    let labels = labels.filter_map(|label| label["name"].as_str());
    let mut tags: Vec<String> =
        labels.flat_map(|label| crate::keywords(&label.replace([',', ';'], " "))).collect();
    for (key, tag) in [("isArchived", "archived"), ("isTrashed", "trashed")] {
        if note[key].as_bool() == Some(true) && !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    let millis = |key: &str| note[key].as_i64().filter(|time| *time > 0).map(|time| time / 1000);
    let mut body = parts.join("\n\n");
    if !body.is_empty() {
        body.push('\n');
    }
    Extracted {
        title: note["title"].as_str().and_then(one_line),
        body,
        front_matter: if note["isPinned"].as_bool() == Some(true) {
            "pinned: true\n".to_owned()
        } else {
            String::new()
        },
        tags,
        kind: "keep",
        created_ms: millis("createdTimestampUsec"),
        updated_ms: millis("userEditedTimestampUsec"),
        ..Extracted::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |source: &str, shown: &str| {
            let read = json(source.as_bytes()).expect("a value");
            assert_eq!(read.body, format!("```json\n{shown}\n```\n"), "{source}");
            assert!(read.warnings.is_empty());
        };
        check(
            r#"{"b":1.50,"a":["x{,\"",{}, [ ]],"n":12345678901234567890}"#,
            "{\n  \"b\": 1.50,\n  \"a\": [\n    \"x{,\\\"\",\n    {},\n    []\n  ],\n  \"n\": 12345678901234567890\n}",
        );
        check("[]", "[]");
        let broken = json(b"{\"a\": ").expect("text");
        assert_eq!((broken.body.as_str(), broken.warnings.len()), ("```json\n{\"a\":\n```\n", 1));
        assert_eq!(lines(b"{\"a\":1}\n{}\n").expect("lines").body, "```json\n{\"a\":1}\n{}\n```\n");
        // Deeper than a parser should follow, and many short lines deep down.
        let deep = "[".repeat(1 << 20);
        assert_eq!(json(deep.as_bytes()).expect("text").warnings.len(), 1);
        let wide = format!("{}{}1{}", "[".repeat(100), "1,".repeat(1 << 20), "]".repeat(100));
        assert!(json(wide.as_bytes()).expect("text").body.len() <= MAX_TEXT + 100);
    }

    #[test]
    fn notebooks() {
        let book = r##"{"metadata":{"language_info":{"name":"python"},"authors":[{"name":"Ann"}]},"nbformat":4,"cells":[
            {"cell_type":"markdown","source":["# T\n","![](attachment:a.png)"],"attachments":{"a.png":{"image/png":"AAAA"}}},
            {"cell_type":"code","source":"print(1)","outputs":[{"output_type":"stream","text":["1\n"]},{"data":{"image/png":"BBBB\n","text/plain":"plot"}},{"traceback":["\u001b[31mE\u001b[0m"]}]},
            {"cell_type":"raw","source":"r"}]}"##;
        let read = notebook(book.as_bytes()).expect("a notebook");
        assert_eq!(
            read.body,
            "# T\n![](a.png)\n\n```python\nprint(1)\n```\n\n```\n1\n```\n\n![](output.png)\n\n```\nE\n```\n\n```\nr\n```\n"
        );
        assert_eq!((read.front_matter.as_str(), read.attachments.len()), ("author: \"Ann\"\n", 2));
        for broken in ["", "{}", "[1]", "{\"cells\": 3}", &"[".repeat(100_000)] {
            assert!(matches!(notebook(broken.as_bytes()), Err(Failure::Damaged(_))));
        }
    }

    #[test]
    fn notes_of_keep() {
        let note = r#"{"title":"T","textContent":"a\nb\n\nc","listContent":[{"text":"x","isChecked":true},{"text":"y"}],
            "labels":[{"name":"two words"}],"isPinned":true,"isArchived":true,"attachments":[{"filePath":"a b.png"}],
            "userEditedTimestampUsec":2000000,"createdTimestampUsec":1000000}"#;
        let read = json(note.as_bytes()).expect("a note");
        assert_eq!(read.body, "a\\\nb\n\nc\n\n- [x] x\n- [ ] y\n\n![](a%20b.png)\n");
        assert_eq!((read.title.as_deref(), read.kind), (Some("T"), "keep"));
        assert_eq!(read.tags, ["two-words", "archived"]);
        assert_eq!((read.created_ms, read.updated_ms), (Some(1000), Some(2000)));
        assert_eq!(read.front_matter, "pinned: true\n");
    }
}
