//! Which file name stands for which title, and which folder for which notebook.

use std::path::Path;

use note::Timestamp;

use crate::export::file_name;

/// How names are compared: some file systems and our notebooks do not tell case apart.
fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether a name on the disk stands for a name here, which may hold what no file system takes.
fn fits(on_disk: &str, name: &str) -> bool {
    let on_disk = key(on_disk);
    on_disk == key(name) || on_disk == key(&file_name(name, "note"))
}

/// Whether a file's stem stands for a title; `Lease (2)` does for a second `Lease`.
pub(super) fn stem_fits(stem: &str, title: &str) -> bool {
    let numbered = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")).and_then(
        |(stem, number)| {
            (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(stem)
        },
    );
    title.is_empty()
        || fits(stem, title)
        || title_of(stem) == title
        || numbered.is_some_and(|stem| fits(stem, title))
}

/// Whether a relative folder stands for a notebook path below the watched one.
pub(super) fn folder_fits(folder: &str, notebook: &str) -> bool {
    let names = |path: &str| -> Vec<String> {
        path.split('/').filter(|name| !name.trim().is_empty()).map(str::to_owned).collect()
    };
    let (folder, notebook) = (names(folder), names(notebook));
    folder.len() == notebook.len()
        && folder.iter().zip(&notebook).all(|(on_disk, name)| fits(on_disk, name))
}

/// `(folder, stem)` of a relative path.
pub(super) fn parts(path: &str) -> (&str, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder, name.rsplit_once('.').map_or(name, |(stem, _)| stem))
}

/// The notebook path below the watched one that a relative folder stands for.
pub(super) fn notebook_of(folder: &str) -> String {
    let names: Vec<&str> =
        folder.split('/').map(str::trim).filter(|name| !name.is_empty()).collect();
    names.join("/")
}

/// The title that a file's stem gives: itself, but Syncthing's conflict copies are named as ours are.
pub(super) fn title_of(stem: &str) -> String {
    let stem = stem.trim();
    let Some((name, mark)) = stem.rsplit_once(".sync-conflict-") else { return stem.to_owned() };
    let digits = |text: Option<&str>, count: usize| {
        text.filter(|text| text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
            .map(str::to_owned)
    };
    let mut fields = mark.split('-');
    match (digits(fields.next(), 8), digits(fields.next(), 6)) {
        (Some(day), Some(time)) => format!(
            "{name} (conflict {}-{}-{} {}.{})",
            &day[..4],
            &day[4..6],
            &day[6..],
            &time[..2],
            &time[2..4]
        ),
        _ => stem.to_owned(),
    }
}

/// The title of the version that gives way in a conflict.
pub(super) fn conflict_title(title: &str, now: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    format!("{title} (conflict {})", time.strftime("%Y-%m-%d %H.%M"))
}

/// The relative path of the folder for a notebook path below the watched one: existing folders are used
/// where they fit.
pub(super) fn folder_for(root: &Path, notebook: &str) -> String {
    let mut folder = String::new();
    for name in notebook.split('/').filter(|name| !name.is_empty()) {
        let plain = file_name(name, "notebook");
        let mut found = None;
        if !root.join(&folder).join(&plain).is_dir()
            && let Ok(entries) = std::fs::read_dir(root.join(&folder))
        {
            found = entries.flatten().find_map(|entry| {
                let on_disk = entry.file_name().into_string().ok()?;
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                (is_folder && fits(&on_disk, name)).then_some(on_disk)
            });
        }
        if !folder.is_empty() {
            folder.push('/');
        }
        folder.push_str(&found.unwrap_or(plain));
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_disk_stand_for_names_here() {
        for (stem, title, expected) in [
            ("Lease", "Lease", true),
            ("lease", "Lease", true),
            ("Lease (2)", "Lease", true),
            ("Lease (2)", "Lease (2)", true),
            ("Lease (draft)", "Lease", false),
            ("A-B", "A/B", true),
            ("Why?", "Why?", true),
            ("Why-", "Why?", true),
            ("other", "Lease", false),
            ("anything", "", true),
            ("a.sync-conflict-20260102-030405-ABCDEFG", "a (conflict 2026-01-02 03.04)", true),
        ] {
            assert_eq!(stem_fits(stem, title), expected, "{stem} {title}");
        }
        assert!(folder_fits("Work/A- B", "work/A: B"));
        assert!(!folder_fits("Work", "Work/Leases"));
        assert_eq!(parts("a/b/c.d.md"), ("a/b", "c.d"));
        assert_eq!(title_of("a.sync-conflict-x"), "a.sync-conflict-x");
    }
}
