//! How names, tags and texts are brought into the form that they are stored and compared in.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

/// Characters of a name that count when names are compared, and of a title when notes are sorted:
/// enough to tell names apart, and a huge one does not bloat an index.
const NAME_CHARS: usize = 80;
const EXCERPT_CHARS: usize = 200;

/// The form in which titles, aliases and link targets are compared.
pub(crate) fn name_key(name: &str) -> String {
    let name = name.trim();
    let mut key = note::fold(&name[..name.floor_char_boundary(8 * NAME_CHARS)]);
    if let Some((end, _)) = key.char_indices().nth(NAME_CHARS) {
        key.truncate(end);
    }
    key
}

/// What a note is sorted by and found by name: its title, or else the start of its text.
pub(crate) fn title_key(title: &str, excerpt: &str) -> String {
    let key = name_key(title);
    if key.is_empty() { name_key(excerpt) } else { key }
}

/// The beginning of a note's plain text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    note::excerpt(text, EXCERPT_CHARS)
}

/// The form in which tags and notebook paths are compared: NFKC and lower case, but accents count,
/// because here two names are one thing only if a person would say so.
pub(crate) fn path_key(path: &str) -> String {
    if path.is_ascii() {
        path.to_ascii_lowercase()
    } else {
        path.nfkc().flat_map(char::to_lowercase).nfkc().collect()
    }
}

/// A notebook path with trimmed names and no empty ones.
pub(crate) fn notebook_path(path: &str) -> String {
    let mut clean = String::with_capacity(path.len());
    for name in path.split('/') {
        let name = one_line(name);
        if !name.is_empty() {
            if !clean.is_empty() {
                clean.push('/');
            }
            clean.push_str(&name);
        }
    }
    clean
}

/// Tags without `#`, blanks around them, empty ones and doubles; the order is kept.
pub(crate) fn clean_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut held = HashSet::new();
    let mut clean = Vec::new();
    for tag in tags {
        let tag = one_line(tag.trim().trim_start_matches('#'));
        let tag = tag.trim_matches('/');
        let key = path_key(tag);
        if !key.is_empty() && held.insert(key) {
            clean.push(tag.to_owned());
        }
    }
    clean
}

/// One line without control characters, so that lists of names can be joined by line breaks.
fn one_line(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.replace(char::is_control, " ").trim().to_owned()
    } else {
        text.trim().to_owned()
    }
}

pub(crate) fn join_tags(tags: &[String]) -> String {
    tags.join("\n")
}

pub(crate) fn split_tags(joined: &str) -> Vec<String> {
    joined.lines().map(str::to_owned).collect()
}

/// The hash of what a person wrote: each part with its length, so that text cannot move between parts unseen.
pub(crate) fn content_hash(title: &str, body: &str, front_matter: &str, tags: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [title, body, front_matter, tags] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The key that a link's target is looked up by: its last name without `.md`, folded.
pub(crate) fn link_key(target: &str) -> String {
    let name = target.rsplit('/').next().unwrap_or(target);
    name_key(without_extension(name))
}

pub(crate) fn without_extension(name: &str) -> &str {
    let cut = name.len().saturating_sub(3);
    match name.get(cut..) {
        Some(end) if cut > 0 && end.eq_ignore_ascii_case(".md") => &name[..cut],
        _ => name,
    }
}
