//! Joplin's export (JEX, a tar archive, or RAW, the same as a folder): one file for each note,
//! notebook, tag and resource, named by its id, with its text above and `key: value` lines below
//! (the serialisation of Joplin's `BaseItem`).

use std::collections::HashMap;

use crate::container::{Files, Outcome, Sink, joined, notebook_name, split};
use crate::enex::{append, attached};
use crate::links::{self, Change};
use crate::{Attachments, Extracted, Failure, date, html, inline, one_line, tag, text, yaml};

/// Notebooks within notebooks; a ring of them has no end.
const MAX_NESTING: usize = 32;

pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// One file taken apart: `(title and text, properties)`. `None` if it is none of Joplin's.
fn parse(text: &str) -> Option<(&str, HashMap<&str, &str>)> {
    let text = text.trim_end();
    let mut properties = HashMap::new();
    let mut end = text.len();
    for line in text.rsplit('\n') {
        if line.trim().is_empty() {
            break;
        }
        let (key, value) = line.split_once(':')?;
        properties.insert(key.trim(), value.trim());
        end = end.saturating_sub(line.len() + 1);
    }
    properties.contains_key("type_").then(|| (text[..end].trim_end(), properties))
}

/// What is known of all items before the first note is given out.
#[derive(Default)]
struct Known {
    /// Title and the notebook above.
    notebooks: HashMap<String, (String, String)>,
    /// Title and notebook.
    notes: HashMap<String, (String, String)>,
    /// How many notes have a title.
    titles: HashMap<String, usize>,
    tags: HashMap<String, String>,
    /// Ids of tags by note.
    tagged: HashMap<String, Vec<String>>,
    /// Title and file.
    resources: HashMap<String, (String, Option<usize>)>,
}

impl Known {
    fn notebook(&self, id: &str) -> String {
        let mut names = Vec::new();
        let mut next = id;
        while let Some((title, parent)) = self.notebooks.get(next)
            && names.len() < MAX_NESTING
        {
            names.push(notebook_name(title));
            next = parent;
        }
        names.reverse();
        joined("", &names.join("/"))
    }

    /// What a link to a note is set to: its title, with its notebook where that alone says too little.
    fn place(&self, id: &str) -> Option<String> {
        let (title, notebook) = self.notes.get(id)?;
        let name = one_line(title)?;
        let several = self.titles.get(&name.to_lowercase()).is_some_and(|n| *n > 1);
        let notebook = if several { self.notebook(notebook) } else { String::new() };
        Some(if notebook.is_empty() { name } else { format!("{notebook}/{name}") })
    }
}

pub(crate) fn read(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let candidates: Vec<usize> = files
        .left()
        .into_iter()
        .filter(|at| {
            let (_, name) = split(files.path(*at));
            name.strip_suffix(".md").is_some_and(is_id)
        })
        .collect();
    let mut known = Known::default();
    let (mut notes, mut encrypted) = (Vec::new(), Vec::new());
    for at in candidates {
        let Ok(bytes) = files.read(at) else { continue };
        let source = text::decode(&bytes, None).0;
        let source = text::tidy(&source);
        let Some((shown, properties)) = parse(&source) else { continue };
        let property = |key: &str| properties.get(key).copied().unwrap_or_default().to_owned();
        let id = property("id");
        let title = shown.lines().next().unwrap_or_default().trim().to_owned();
        if property("encryption_applied") == "1" && matches!(property("type_").as_str(), "1" | "2")
        {
            encrypted.push(at);
            files.done(at);
            continue;
        }
        match property("type_").as_str() {
            "1" => {
                if let Some(name) = one_line(&title) {
                    *known.titles.entry(name.to_lowercase()).or_default() += 1;
                }
                known.notes.insert(id, (title, property("parent_id")));
                notes.push(at);
                continue;
            }
            "2" => drop(known.notebooks.insert(id, (title, property("parent_id")))),
            "4" => {
                let (dir, _) = split(files.path(at));
                let folder = joined(dir, "resources");
                let ending = property("file_extension");
                let stored = if ending.is_empty() { id.clone() } else { format!("{id}.{ending}") };
                let file = files.at_path(&joined(&folder, &stored));
                let file = file.or_else(|| files.find(&folder, &stored));
                let name = Some(property("filename")).filter(|name| !name.is_empty());
                let name = name.unwrap_or(if title.is_empty() { stored } else { title });
                known.resources.insert(id, (name, file));
            }
            "5" => drop(known.tags.insert(id, title)),
            "6" => known.tagged.entry(property("note_id")).or_default().push(property("tag_id")),
            // Settings, revisions, and what later versions may have: no notes.
            _ => {}
        }
        files.done(at);
    }
    for at in encrypted {
        let path = files.path(at).to_owned();
        sink.failed(&path, "encrypted in Joplin: turn its encryption off, and export again");
    }
    for at in notes {
        if sink.stopped() {
            return Ok(());
        }
        let path = files.path(at).to_owned();
        let bytes = files.read(at).unwrap_or_default();
        let source = text::tidy(&text::decode(&bytes, None).0);
        files.done(at);
        let Some((shown, properties)) = parse(&source) else { continue };
        let notebook = known.notebook(properties.get("parent_id").copied().unwrap_or_default());
        match note(shown, &properties, &known, files) {
            Ok(document) => sink.document(&path, &notebook, document),
            Err(failure) => sink.put(&path, &notebook, Outcome::Failed(failure.reason())),
        };
    }
    // Resources that notes show were given out with them.
    for (_, file) in known.resources.into_values() {
        let Some(at) = file else { continue };
        if files.was_attached(at) {
            files.done(at);
            sink.put(files.path(at), "", Outcome::Attached);
        }
    }
    Ok(())
}

fn note(
    shown: &str,
    properties: &HashMap<&str, &str>,
    known: &Known,
    files: &mut Files<'_>,
) -> Result<Extracted, Failure> {
    let property = |key: &str| properties.get(key).copied().filter(|value| !value.is_empty());
    let (title, body) = shown.split_once('\n').unwrap_or((shown, ""));
    let title = one_line(title);
    let mut attachments = Attachments::default();
    let mut warnings = Vec::new();
    let mut attach = |id: &str, attachments: &mut Attachments| {
        let (name, file) = known.resources.get(id)?;
        let Some(at) = *file else {
            warnings.push(format!("Its attachment {name} is not in the export."));
            return None;
        };
        files.attach_as(at, Some(name), attachments)
    };
    let mut body = body.trim_matches('\n').to_owned();
    if property("markup_language") == Some("2") {
        let id_of =
            |target: &str| target.strip_prefix(":/").map(|id| id[..id.len().min(32)].to_owned());
        let attach = std::cell::RefCell::new(&mut attach);
        body = html::linked(
            format!("\u{feff}{body}").as_bytes(),
            "body",
            &mut attachments,
            &mut |source, attachments| (attach.borrow_mut())(&id_of(source)?, attachments),
            &mut |target, attachments| {
                let id = id_of(target)?;
                let place = known.place(&id).map(|place| links::note_address(&place));
                place.or_else(|| (attach.borrow_mut())(&id, attachments))
            },
        )?;
    } else {
        body = links::rewrite(&body, &mut |link| {
            let id = link.target.strip_prefix(":/").filter(|id| is_id(id))?;
            if let Some(place) = known.place(id) {
                return Some(Change::Note(place));
            }
            attach(id, &mut attachments).map(Change::Target)
        });
    }
    for file in &attachments.files {
        if !body.contains(&inline::destination(&file.name)) {
            append(&mut body, &attached(&file.name));
        }
    }
    if property("is_todo") == Some("1") {
        let done = property("todo_completed").is_some_and(|time| time != "0");
        let due = property("todo_due").and_then(|time| time.parse::<i64>().ok()).filter(|t| *t > 0);
        let due = due.and_then(date::day).map(|day| format!(" 📅 {day}")).unwrap_or_default();
        let mark = if done { 'x' } else { ' ' };
        let words = inline::escape(title.as_deref().unwrap_or("Task"), false);
        body = format!("- [{mark}] {words}{due}\n\n{}", body.trim_start());
    }
    let body = format!("{}\n", body.trim_end());
    let time = |own: &str, other: &str| {
        let moment = |key: &str| property(key).and_then(date::parse);
        moment(own).or_else(|| moment(other))
    };
    let id = properties.get("id").copied().unwrap_or_default();
    let mut tags: Vec<String> = Vec::new();
    for name in known.tagged.get(id).into_iter().flatten().filter_map(|id| known.tags.get(id)) {
        tags.extend(tag(name).filter(|tag| !tags.contains(tag)));
    }
    if property("deleted_time").is_some_and(|time| time != "0") {
        tags.push("trashed".to_owned());
    }
    if property("is_conflict") == Some("1") {
        tags.push("conflict".to_owned());
    }
    let place = [property("latitude"), property("longitude")];
    let place = place.map(|part| part.filter(|part| part.parse::<f64>().is_ok_and(|n| n != 0.0)));
    let place = match place {
        [Some(latitude), Some(longitude)] => Some(format!("{latitude}, {longitude}")),
        _ => None,
    };
    warnings.dedup();
    Ok(Extracted {
        title,
        body: if body == "\n" { String::new() } else { body },
        front_matter: yaml(&[
            ("source", property("source_url")),
            ("author", property("author")),
            ("location", place.as_deref()),
        ]),
        tags,
        kind: "joplin",
        created_ms: time("user_created_time", "created_time"),
        updated_ms: time("user_updated_time", "updated_time"),
        attachments: attachments.files,
        warnings,
        ..Extracted::default()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, read_container};

    fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, content.as_bytes()).expect("in memory");
        }
        tar.into_inner().expect("in memory")
    }

    #[test]
    fn exports() {
        let id = |n: u8| format!("{n:032x}");
        let files = [
            (
                format!("{}.md", id(1)),
                format!(
                    "A note\n\nSee [other](:/{}), ![p](:/{}) and `:/x`.\n\nid: {}\nparent_id: {}\nuser_created_time: 1970-01-01T00:00:01.000Z\nuser_updated_time: 1970-01-01T00:00:02.000Z\nsource_url: https://x.org\nis_todo: 0\ntype_: 1",
                    id(2),
                    id(4),
                    id(1),
                    id(7)
                ),
            ),
            (
                format!("{}.md", id(2)),
                format!(
                    "Buy: milk\n\nid: {}\nparent_id: {}\nis_todo: 1\ntodo_due: 86400000\ntodo_completed: 0\nmarkup_language: 1\ntype_: 1",
                    id(2),
                    id(6)
                ),
            ),
            (
                format!("{}.md", id(6)),
                format!("Inner\n\nid: {}\nparent_id: {}\ntype_: 2", id(6), id(7)),
            ),
            (format!("{}.md", id(7)), format!("Outer/x\n\nid: {}\nparent_id: \ntype_: 2", id(7))),
            (
                format!("{}.md", id(4)),
                format!(
                    "pic.png\n\nid: {}\nmime: image/png\nfilename: \nfile_extension: png\ntype_: 4",
                    id(4)
                ),
            ),
            (format!("{}.md", id(5)), format!("my tag\n\nid: {}\ntype_: 5", id(5))),
            (
                format!("{}.md", id(8)),
                format!("id: {}\nnote_id: {}\ntag_id: {}\ntype_: 6", id(8), id(1), id(5)),
            ),
            (format!("{}.md", id(9)), format!("id: {}\nencryption_applied: 1\ntype_: 1", id(9))),
            (format!("resources/{}.png", id(4)), "PNG".to_owned()),
        ];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let mut items: Vec<Item> = Vec::new();
        read_container("x.jex", &mut Cursor::new(tar_of(&files)), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("an export");
        assert_eq!(items.len(), 4, "{items:?}");
        let documents: Vec<(&str, &Extracted)> = items
            .iter()
            .filter_map(|item| match &item.outcome {
                Outcome::Document(document) => Some((item.notebook.as_str(), &**document)),
                _ => None,
            })
            .collect();
        let (notebook, note) = documents[0];
        assert_eq!((notebook, note.title.as_deref()), ("Outer-x", Some("A note")));
        assert_eq!(note.body, "See [[Buy: milk|other]], ![p](pic.png) and `:/x`.\n");
        assert_eq!(note.tags, ["my-tag"]);
        assert_eq!((note.created_ms, note.updated_ms), (Some(1000), Some(2000)));
        let (notebook, note) = documents[1];
        assert_eq!(
            (notebook, note.body.as_str()),
            ("Outer-x/Inner", "- [ ] Buy: milk 📅 1970-01-02\n")
        );
        assert!(items.iter().any(|item| matches!(item.outcome, Outcome::Failed(_))));
        assert!(items.iter().any(|item| item.outcome == Outcome::Attached));
    }
}
