//! TextBundle folders (textbundle.org, version 2) as Bear and other editors write them: a text, its
//! pictures in `assets`, and `info.json`. A TextPack is one of them in a zip file, a backup of Bear many.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::container::{Files, Outcome, Sink, joined, split};
use crate::links::{self, Change};
use crate::{Attachments, Failure, date, extension, tag, text, title_line};

/// What Bear says of a note, in `info.json`.
const BEAR: &str = "net.shinyfrog.bear";

/// One bundle's folder.
struct Bundle {
    text: usize,
    info: Value,
    title: Option<String>,
}

pub(crate) fn read(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    // The file of text and `info.json` of each folder that may be a bundle.
    let mut folders: BTreeMap<String, (Option<usize>, Option<usize>)> = BTreeMap::new();
    for at in files.left() {
        let (dir, name) = split(files.path(at));
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let is_text = stem == "text"
            && matches!(extension(name).as_str(), "md" | "markdown" | "txt" | "text" | "html");
        if is_text {
            folders.entry(dir.to_owned()).or_default().0 = Some(at);
        } else if name == "info.json" {
            folders.entry(dir.to_owned()).or_default().1 = Some(at);
        }
    }
    let mut bundles: Vec<(String, Bundle)> = Vec::new();
    for (dir, parts) in folders {
        let (Some(text), info) = parts else { continue };
        if info.is_none() && !dir.ends_with(".textbundle") {
            continue;
        }
        let bytes = info.and_then(|at| files.read(at).ok()).unwrap_or_default();
        let info: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let source = files.read(text).unwrap_or_default();
        let source = text::decode(&source, None).0;
        let title = title_line(&text::tidy(&source)).0;
        let title = title.or_else(|| crate::one_line(info[BEAR]["title"].as_str()?));
        bundles.push((dir, Bundle { text, info, title }));
    }
    let ids: HashMap<String, String> = bundles
        .iter()
        .filter_map(|(_, bundle)| {
            let id = bundle.info[BEAR]["uniqueIdentifier"].as_str()?;
            Some((id.to_lowercase(), bundle.title.clone()?))
        })
        .collect();
    let titles: HashMap<String, ()> = bundles
        .iter()
        .filter_map(|(_, bundle)| Some((bundle.title.as_deref()?.to_lowercase(), ())))
        .collect();
    // A bundle's other files are its own: those that it does not show are kept with it.
    let mut parts: HashMap<String, Vec<usize>> =
        bundles.iter().map(|(dir, _)| (dir.clone(), Vec::new())).collect();
    for at in files.left() {
        let mut dir = split(files.path(at)).0;
        while !parts.contains_key(dir) && !dir.is_empty() {
            dir = split(dir).0;
        }
        if let Some(own) = parts.get_mut(dir) {
            own.push(at);
        }
    }
    for (dir, bundle) in bundles {
        if sink.stopped() {
            return Ok(());
        }
        let path = files.path(bundle.text).to_owned();
        let inside = format!("{dir}/");
        let prefix = if dir.is_empty() { "" } else { inside.as_str() };
        let mut outcome = note(&dir, &bundle, &ids, &titles, files);
        files.done(bundle.text);
        for at in parts.remove(&dir).unwrap_or_default() {
            let own = files.path(at)[prefix.len()..].to_owned();
            if own.starts_with("assets/") {
                if files.is_left(at)
                    && let Outcome::Document(document) = &mut outcome
                {
                    let mut held = Attachments { files: std::mem::take(&mut document.attachments) };
                    if let Some(name) = files.attach(at, &mut held) {
                        crate::enex::append(&mut document.body, &crate::enex::attached(&name));
                    }
                    document.attachments = held.files;
                }
                if files.was_attached(at) {
                    files.done(at);
                    sink.put(files.path(at), "", Outcome::Attached);
                }
            } else if own == "info.json" {
                files.done(at);
            }
        }
        // The folder above the bundle is the notebook; Bear has none, but tags.
        let (above, _) = split(&dir);
        let is_bear = bundle.info[BEAR].is_object();
        let notebook = if is_bear { "" } else { above };
        sink.put(&path, &joined("", notebook), outcome);
    }
    // What a backup says of itself.
    for at in files.left() {
        let (dir, name) = split(files.path(at));
        if matches!(name, "tags.json" | "backup.json") && dir.ends_with(".bear2bk") {
            files.done(at);
        }
    }
    Ok(())
}

fn note(
    dir: &str,
    bundle: &Bundle,
    ids: &HashMap<String, String>,
    titles: &HashMap<String, ()>,
    files: &mut Files<'_>,
) -> Outcome {
    let bear = &bundle.info[BEAR];
    let is = |key: &str| bear[key].as_i64() == Some(1) || bear[key].as_bool() == Some(true);
    if is("encrypted") {
        return Outcome::Failed(
            "encrypted in Bear: remove its password, and export again".to_owned(),
        );
    }
    let (_, name) = split(files.path(bundle.text));
    let name = name.to_owned();
    let read = files.read(bundle.text);
    let document = read.and_then(|bytes| crate::container::read_document(&name, &bytes));
    let mut document = match document {
        Ok(document) => document,
        Err(reason) => return Outcome::Failed(reason),
    };
    let (title, body) = title_line(&document.body);
    let mut body = body.to_owned();
    document.title = document.title.or(title).or_else(|| bundle.title.clone());
    if document.title.is_none() {
        let (_, folder) = split(dir);
        let folder = folder.strip_suffix(".textbundle").unwrap_or(folder);
        document.title = crate::one_line(folder);
    }
    let mut attachments = Attachments { files: std::mem::take(&mut document.attachments) };
    body = links::rewrite(&body, &mut |link| {
        if let Some(at) = files.find(dir, &link.target).filter(|_| !link.wiki || link.embed) {
            return files.attach(at, &mut attachments).map(Change::Target);
        }
        if let Some(query) = link.target.strip_prefix("bear://x-callback-url/open-note?") {
            let value = |key: &str| {
                let part =
                    query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
                part.map(|value| value.replace('+', " "))
            };
            let title = value("id").and_then(|id| ids.get(&id.to_lowercase()).cloned());
            return title.or_else(|| value("title")).map(Change::Note);
        }
        // `[[Note/Heading]]` is a place in a note.
        let (place, heading) = link.target.split_once('/').filter(|_| link.wiki)?;
        let known = |title: &str| titles.contains_key(&title.trim().to_lowercase());
        if known(&link.target) || !known(place) {
            return None;
        }
        let shown = if link.text.is_empty() { &link.target } else { link.text };
        Some(Change::Markdown(links::to_note(place.trim(), Some(heading.trim()), shown)))
    });
    document.body = body;
    document.attachments = attachments.files;
    let mut tags: Vec<String> = document.tags;
    let named = bear["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.extend(named.filter_map(tag));
    tags.extend(wide_tags(&document.body));
    for (key, name) in [("archived", "archived"), ("trashed", "trashed")] {
        if is(key) {
            tags.push(name.to_owned());
        }
    }
    tags.dedup();
    document.tags = tags;
    if is("trashed")
        && let Some(date) = bear["trashedDate"].as_str()
    {
        document.front_matter.push_str(&crate::yaml(&[("trashed", Some(date))]));
    }
    if is("pinned") {
        document.front_matter.push_str("pinned: true\n");
    }
    let time = |key: &str| bear[key].as_str().and_then(date::parse);
    document.created_ms = time("creationDate").or(document.created_ms);
    document.updated_ms = time("modificationDate").or(document.updated_ms);
    if bear.is_object() {
        document.kind = "bear";
    }
    document.keep_original = false;
    Outcome::Document(Box::new(document))
}

/// Bear's tags of several words, `#two words#`, which no other app reads.
fn wide_tags(body: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut fenced = false;
    for line in body.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || !line.contains('#') {
            continue;
        }
        for (at, _) in line.match_indices('#') {
            let starts = line[..at].chars().next_back().is_none_or(char::is_whitespace);
            let rest = &line[at + 1..];
            let Some(end) = rest.find('#').filter(|_| starts) else { continue };
            let words = &rest[..end];
            let after = rest[end + 1..].chars().next();
            let closes = after.is_none_or(|c| !c.is_alphanumeric()) && !words.ends_with(' ');
            if closes && words.contains(' ') && words.starts_with(char::is_alphanumeric) {
                tags.extend(tag(words));
            }
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, read_container};
    use crate::package::zip_of;

    fn items(name: &str, parts: &[(&str, &str)]) -> Vec<Item> {
        let mut items = Vec::new();
        read_container(name, &mut Cursor::new(zip_of(parts)), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("a backup");
        items
    }

    #[test]
    fn backups() {
        let info = r#"{"net.shinyfrog.bear":{"uniqueIdentifier":"AB","creationDate":"1970-01-01T00:00:01Z","modificationDate":"1970-01-01T00:00:02Z","trashed":1,"pinned":1}}"#;
        let items = items(
            "Bear.bear2bk",
            &[
                (
                    "B.bear2bk/A note.textbundle/text.md",
                    "# A note\nSee [[Other/Part|p]] ![](assets/a%20b.png) #two words# #one\n",
                ),
                ("B.bear2bk/A note.textbundle/info.json", info),
                ("B.bear2bk/A note.textbundle/assets/a b.png", "PNG"),
                (
                    "B.bear2bk/Other.textbundle/text.md",
                    "# Other\n[x](bear://x-callback-url/open-note?id=ab)",
                ),
                ("B.bear2bk/Other.textbundle/info.json", r#"{"net.shinyfrog.bear":{}}"#),
                ("B.bear2bk/Locked.textbundle/text.md", ""),
                (
                    "B.bear2bk/Locked.textbundle/info.json",
                    r#"{"net.shinyfrog.bear":{"encrypted":1}}"#,
                ),
                ("B.bear2bk/tags.json", "{}"),
            ],
        );
        assert_eq!(items.len(), 4, "{items:?}");
        let document = |title: &str| {
            items.iter().find_map(|item| match &item.outcome {
                Outcome::Document(read) if read.title.as_deref() == Some(title) => {
                    Some(read.clone())
                }
                _ => None,
            })
        };
        let note = document("A note").expect("a note");
        assert_eq!(note.body, "See [[Other#Part|p]] ![](a-b.png) #two words# #one\n");
        assert_eq!(note.tags, ["two-words", "trashed"]);
        assert_eq!((note.created_ms, note.updated_ms), (Some(1000), Some(2000)));
        assert_eq!(document("Other").expect("a note").body, "[[A note|x]]");
        assert!(items.iter().any(|item| matches!(item.outcome, Outcome::Failed(_))));
    }

    #[test]
    fn text_packs() {
        let items = items(
            "x.textpack",
            &[
                ("text.md", "Just ![p](assets/p.png)"),
                ("info.json", "{\"version\":2}"),
                ("assets/p.png", "PNG"),
                ("assets/q.pdf", "PDF"),
            ],
        );
        let Outcome::Document(note) = &items.last().expect("a note").outcome else {
            panic!("{items:?}")
        };
        assert_eq!(note.body, "Just ![p](p.png)\n\n[q.pdf](q.pdf)\n");
        assert_eq!((note.attachments.len(), items.len()), (2, 3));
    }
}
