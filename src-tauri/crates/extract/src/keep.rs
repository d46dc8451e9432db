//! Google Takeout's folder of Keep: each note as JSON and once more as a page, beside their pictures.

use std::collections::BTreeMap;

use crate::container::{Files, Outcome, Sink, split};
use crate::links::{self, Change};
use crate::{Attachments, Failure, extension};

/// What tells a note from other JSON.
pub(crate) const MARK: &str = "\"userEditedTimestampUsec\"";

pub(crate) fn read(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut folders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for at in files.left() {
        let (dir, name) = split(files.path(at));
        if extension(name) == "json" {
            folders.entry(dir.to_owned()).or_default().push(at);
        }
    }
    for (dir, notes) in folders {
        // The first few tell: a folder of other JSON is not read through.
        let mut is_keep = false;
        for at in notes.iter().take(3) {
            let bytes = files.read(*at).unwrap_or_default();
            is_keep |= String::from_utf8_lossy(&bytes).contains(MARK);
        }
        if !is_keep {
            continue;
        }
        for at in notes {
            if sink.stopped() {
                return Ok(());
            }
            let path = files.path(at).to_owned();
            let (_, name) = split(&path);
            let name = name.to_owned();
            let read =
                files.read(at).and_then(|bytes| crate::container::read_document(&name, &bytes));
            let mut document = match read {
                Ok(document) if document.kind == "keep" => document,
                // Other JSON, which is read as such.
                Ok(_) => continue,
                Err(reason) => {
                    files.done(at);
                    sink.failed(&path, reason);
                    continue;
                }
            };
            files.done(at);
            let mut attachments = Attachments::default();
            document.body = links::rewrite(&document.body, &mut |link| {
                let found = files.find(&dir, &link.target);
                // Notes name `.jpeg` what lies there as `.jpg`.
                let stem = link.target.rsplit_once('.').map(|(stem, _)| stem.to_owned());
                let found = found.or_else(|| {
                    let stem = stem?;
                    let endings = ["jpg", "jpeg", "png", "gif", "webp", "3gp", "m4a", "amr"];
                    endings.iter().find_map(|end| {
                        files.at_path(&crate::container::joined(&dir, &format!("{stem}.{end}")))
                    })
                });
                let Some(at) = found else {
                    if link.embed {
                        let warning =
                            format!("Its attachment {} is not in the export.", link.target);
                        document.warnings.push(warning);
                    }
                    return None;
                };
                files.attach(at, &mut attachments).map(Change::Target)
            });
            document.attachments = attachments.files;
            // The note once more, as a page.
            let stem = path.strip_suffix(".json").unwrap_or(&path);
            if let Some(twin) = files.at_path(&format!("{stem}.html"))
                && files.is_left(twin)
            {
                files.done(twin);
                let reason = format!("the same note as {name}");
                sink.put(files.path(twin), "", Outcome::Skipped(reason));
            }
            sink.document(&path, "", document);
        }
        for at in files.all().collect::<Vec<_>>() {
            let path = files.path(at).to_owned();
            if split(&path).0 != dir {
                continue;
            }
            if files.was_attached(at) {
                files.done(at);
                sink.put(&path, "", Outcome::Attached);
            } else if files.is_left(at) && path.ends_with("Labels.txt") {
                files.done(at);
                sink.put(
                    &path,
                    "",
                    Outcome::Skipped("the list of labels, which notes have as tags".to_owned()),
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, read_container};
    use crate::package::zip_of;

    #[test]
    fn takeouts() {
        let note = r#"{"title":"T","textContent":"a","attachments":[{"filePath":"x.jpeg"}],"userEditedTimestampUsec":2000000,"createdTimestampUsec":1000000}"#;
        let zip = zip_of(&[
            ("Takeout/Keep/T.json", note),
            ("Takeout/Keep/T.html", "<html><body>a</body></html>"),
            ("Takeout/Keep/x.jpg", "JPG"),
            ("Takeout/Keep/Labels.txt", "l"),
            ("Takeout/archive_browser.html", "<html><body><p>Your archive</p></body></html>"),
        ]);
        let mut items: Vec<Item> = Vec::new();
        read_container("takeout.zip", &mut Cursor::new(zip), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("an export");
        assert_eq!(items.len(), 5, "{items:?}");
        let documents = items.iter().filter(|item| matches!(item.outcome, Outcome::Document(_)));
        assert_eq!(documents.count(), 2);
        let Outcome::Document(note) = &items[1].outcome else { panic!("{items:?}") };
        assert_eq!((note.body.as_str(), note.attachments.len()), ("a\n\n![](x.jpg)\n", 1));
    }
}
