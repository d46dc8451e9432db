//! Simplenote's export: `notes.json`, alone or in a zip file beside the same notes as text files.

use serde_json::Value;

use crate::container::{Files, Outcome, Sink, joined, path_of, split};
use crate::links::{self, Change};
use crate::{Extracted, Failure, MAX_INPUT, date, inline, one_line, tag, text};

/// Whether JSON that starts so is an export.
pub(crate) fn is_export(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    head.trim_start_matches('\u{feff}').trim_start().starts_with('{')
        && (head.contains("\"activeNotes\"") || head.contains("\"trashedNotes\""))
}

pub(crate) fn read_tree(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    for at in files.left() {
        let path = files.path(at).to_owned();
        let (dir, name) = split(&path);
        if name != "notes.json" || files.file(at).size > MAX_INPUT as u64 {
            continue;
        }
        let Ok(bytes) = files.read(at) else { continue };
        if !is_export(&bytes[..bytes.len().min(crate::container::HEAD_BYTES)]) {
            continue;
        }
        files.done(at);
        if let Err(failure) = read(&bytes, sink) {
            sink.failed(&path, failure.reason());
            continue;
        }
        // The same notes again, as text.
        let (above, folder) = split(dir);
        let root = if folder == "source" { above } else { dir };
        for twin in files.left() {
            let other = files.path(twin).to_owned();
            let (place, _) = split(&other);
            let beside = place == root || place == joined(root, "trash") || place == dir;
            if beside && other.ends_with(".txt") {
                files.done(twin);
                sink.put(&other, "", Outcome::Skipped(format!("the same note as in {path}")));
            }
        }
    }
    Ok(())
}

pub(crate) fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Failure> {
    let source = text::decode(bytes, None).0;
    let damaged = |error: serde_json::Error| Failure::Damaged(error.to_string());
    let export: Value = serde_json::from_str(&source).map_err(damaged)?;
    drop(source);
    let notes = ["activeNotes", "trashedNotes"].into_iter().flat_map(|key| {
        export[key].as_array().into_iter().flatten().map(move |note| (note, key == "trashedNotes"))
    });
    let titles: std::collections::HashMap<&str, String> = notes
        .clone()
        .filter_map(|(note, _)| Some((note["id"].as_str()?, title(note["content"].as_str()?)?)))
        .collect();
    for (note, trashed) in notes {
        let content = text::tidy(note["content"].as_str().unwrap_or_default());
        let title = title(&content);
        let path = path_of(title.as_deref().unwrap_or_default());
        let (_, body) = content.split_once('\n').unwrap_or((&content, ""));
        let body = body.trim_matches('\n');
        // Without Markdown each line is one of its own.
        let markdown = note["markdown"].as_bool() == Some(true);
        let body = if markdown { body.to_owned() } else { inline::lines(body) };
        let body = links::rewrite(&body, &mut |link| {
            let id = link.target.strip_prefix("simplenote://note/")?;
            titles.get(id).cloned().map(Change::Note)
        });
        let names = note["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut tags: Vec<String> = names.filter_map(tag).collect();
        if trashed {
            tags.push("trashed".to_owned());
        }
        let time = |key: &str| {
            let value = &note[key];
            let seconds = value.as_f64().map(|seconds| (seconds * 1000.0) as i64);
            value.as_str().and_then(date::parse).or(seconds)
        };
        let document = Extracted {
            title,
            body: if body.trim().is_empty() {
                String::new()
            } else {
                format!("{}\n", body.trim_end())
            },
            front_matter: if note["pinned"].as_bool() == Some(true) {
                "pinned: true\n".to_owned()
            } else {
                String::new()
            },
            tags,
            kind: "simplenote",
            created_ms: time("creationDate"),
            updated_ms: time("lastModified").or_else(|| time("modificationDate")),
            ..Extracted::default()
        };
        if !sink.document(&path, "", document) {
            break;
        }
    }
    Ok(())
}

/// The first line is a note's title there.
fn title(content: &str) -> Option<String> {
    let line = content.lines().next()?;
    one_line(line.trim_start_matches('#').trim())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::read_container;
    use crate::package::zip_of;

    #[test]
    fn exports() {
        let notes = r#"{"activeNotes":[{"id":"a","content":"Title\r\none\r\ntwo [see](simplenote://note/b)","creationDate":"1970-01-01T00:00:01.000Z","lastModified":"1970-01-01T00:00:02.000Z","tags":["my tag"],"pinned":true},{"id":"b","content":"\# Other\n","markdown":true}],"trashedNotes":[{"id":"c","content":"Gone"}]}"#;
        let notes = notes.replace("\\#", "#");
        let zip = zip_of(&[
            ("source/notes.json", &notes),
            ("Title.txt", "Title\none"),
            ("trash/Gone.txt", "Gone"),
        ]);
        let mut items = Vec::new();
        read_container("notes.zip", &mut Cursor::new(zip), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("an export");
        let documents: Vec<&Extracted> = items
            .iter()
            .filter_map(|item| match &item.outcome {
                Outcome::Document(document) => Some(&**document),
                _ => None,
            })
            .collect();
        assert_eq!((documents.len(), items.len()), (3, 5));
        assert_eq!(documents[0].body, "one\\\ntwo [[Other|see]]\n");
        assert_eq!(documents[0].tags, ["my-tag"]);
        assert_eq!((documents[0].created_ms, documents[0].updated_ms), (Some(1000), Some(2000)));
        assert_eq!(documents[1].title.as_deref(), Some("Other"));
        assert_eq!(documents[2].tags, ["trashed"]);
    }
}
