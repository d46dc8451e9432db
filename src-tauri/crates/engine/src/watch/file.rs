//! One Markdown file of a watched folder: how a changed note is put into its bytes so that all else in them
//! stays as it is, and how files are written and moved without ever replacing what was not seen.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use store::Digest;

/// Where files go that are deleted here: inside the folder, so that it is one rename, and hidden, so
/// that this and other programs leave it alone (Obsidian uses the same).
pub(super) const TRASH: &str = ".trash";
const TEMPORARY: &str = ".commonplace-";
const TEMPORARY_END: &str = ".tmp";
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What tells whether a file was changed without reading it. `changed` is that of its properties where
/// the system keeps it: programs set `modified` as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) changed: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or(0);
        Stamp { size: metadata.len(), modified, changed: changed(metadata) }
    }

    /// Of a regular file; `None` if there is none of that name, or something else is.
    pub(super) fn at(path: &Path) -> Option<Stamp> {
        fs::symlink_metadata(path).ok().filter(Metadata::is_file).map(|found| Stamp::of(&found))
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_metadata: &Metadata) -> i64 {
    0
}

/// Reads a file that nobody writes to meanwhile; `None` if somebody does, or it is gone.
pub(super) fn read_whole(path: &Path) -> io::Result<Option<(Stamp, Vec<u8>)>> {
    let Some(before) = Stamp::at(path) else { return Ok(None) };
    if before.size > extract::MAX_INPUT as u64 {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("larger than {} MB", extract::MAX_INPUT >> 20),
        ));
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let steady = Stamp::at(path) == Some(before) && bytes.len() as u64 == before.size;
    Ok(steady.then_some((before, bytes)))
}

/// A file's bytes and what was read from them.
pub(super) struct Old<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) front_matter: &'a str,
    pub(super) body: &'a str,
}

/// The bytes of a file for a front matter and a body. Of an older version everything stays that the
/// change does not touch: byte-order mark, line ends, the blank lines below the front matter.
pub(super) fn render(old: Option<&Old<'_>>, front_matter: &str, body: &str) -> Vec<u8> {
    old.and_then(|old| patched(old, front_matter, body))
        .unwrap_or_else(|| fenced(front_matter, body).into_bytes())
}

fn fenced(front_matter: &str, body: &str) -> String {
    match front_matter.trim_end_matches('\n') {
        "" => body.to_owned(),
        yaml => format!("---\n{yaml}\n---\n{body}"),
    }
}

/// `None` if the old text is not UTF-8, or is not what was read plus what was set aside in a known way.
fn patched(old: &Old<'_>, front_matter: &str, body: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(old.bytes.strip_prefix(BOM).unwrap_or(old.bytes)).ok()?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let plain: Vec<String> = lines.iter().map(|line| plain_line(line)).collect::<Option<_>>()?;
    let whole = plain.concat();
    let before = whole.strip_suffix(old.body)?;
    let (was, wanted) =
        (old.front_matter.trim_end_matches('\n'), front_matter.trim_end_matches('\n'));
    let before = if was == wanted {
        before.to_owned()
    } else if before.is_empty() {
        fenced(front_matter, "")
    } else {
        // The opening line, the YAML, the closing line, and the blank lines below.
        let (opening, rest) = before.split_at(before.find('\n')? + 1);
        let rest = match was {
            "" => rest,
            was => rest.strip_prefix(was)?.strip_prefix('\n')?,
        };
        match wanted {
            "" => rest.split_once('\n')?.1.to_owned(),
            wanted => format!("{opening}{wanted}\n{rest}"),
        }
    };
    let target = format!("{before}{body}");
    let target: Vec<&str> = target.split_inclusive('\n').collect();
    let start = plain.iter().zip(&target).take_while(|(old, new)| old == new).count();
    let rest = plain.len().min(target.len()) - start;
    let pairs = plain.iter().rev().zip(target.iter().rev());
    let end = pairs.take(rest).take_while(|(old, new)| old == new).count();
    let crlf = lines.iter().filter(|line| line.ends_with("\r\n")).count() * 2 > lines.len();
    let mut bytes = Vec::with_capacity(old.bytes.len() + body.len());
    if old.bytes.starts_with(BOM) {
        bytes.extend_from_slice(BOM);
    }
    let mut push = |text: &str| bytes.extend_from_slice(text.as_bytes());
    lines[..start].iter().for_each(|line| push(line));
    for line in &target[start..target.len() - end] {
        match line.strip_suffix('\n') {
            Some(line) if crlf => {
                push(line);
                push("\r\n");
            }
            _ => push(line),
        }
    }
    lines[lines.len() - end..].iter().for_each(|line| push(line));
    Some(bytes)
}

/// A line as importing reads it; `None` if it reads more than one line of it.
fn plain_line(line: &str) -> Option<String> {
    let (text, end) = match line.strip_suffix('\n') {
        Some(text) => (text.strip_suffix('\r').unwrap_or(text), "\n"),
        None => (line, ""),
    };
    if text.contains(['\r', '\u{c}', '\u{85}']) {
        return None;
    }
    let mut plain: String = text.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    plain.push_str(end);
    Some(plain)
}

/// Writes a file that must not be there yet; false if one is. Durable when it returns.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = write_beside(path, bytes, None)?;
    let moved = rename_new(&temporary, path);
    if !matches!(moved, Ok(true)) {
        discard(&temporary);
    }
    if moved? {
        sync_folder(path)?;
        return Ok(true);
    }
    Ok(false)
}

/// Replaces a file whose bytes had the digest `expected`. If they are others by now, nothing is lost: `false`
/// is returned and the file stands as it was found. Durable when it returns.
pub(super) fn replace(path: &Path, bytes: &[u8], expected: &Digest) -> io::Result<bool> {
    let permissions = fs::symlink_metadata(path)?.permissions();
    let temporary = write_beside(path, bytes, Some(permissions))?;
    let replaced = swap(&temporary, path, expected, &Digest::of(bytes))?;
    sync_folder(path)?;
    Ok(replaced)
}

/// Puts a new file in the place of an old one and looks at the old one afterwards, when nobody can
/// change it by its name: what is not as expected is put back.
fn swap(temporary: &Path, path: &Path, expected: &Digest, ours: &Digest) -> io::Result<bool> {
    match exchange(temporary, path) {
        Ok(()) => {
            if Digest::of(&fs::read(temporary)?) == *expected {
                discard(temporary);
                return Ok(true);
            }
            exchange(temporary, path)?;
            // Whatever else came between stays, and is found in the trash after the next start.
            if Digest::of(&fs::read(temporary)?) == *ours {
                discard(temporary);
            }
            Ok(false)
        }
        // Network drives and others cannot do that: look just before.
        Err(_) => {
            let replaced = match fs::read(path) {
                Ok(found) if Digest::of(&found) == *expected => {
                    fs::rename(temporary, path).map(|()| true)
                }
                found => found.map(|_| false),
            };
            if !matches!(replaced, Ok(true)) {
                discard(temporary);
            }
            replaced
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Renames a file to a name that must be free; false if it is taken.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<bool> {
    match rename_if_free(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        Err(_) if fs::symlink_metadata(to).is_ok() => Ok(false),
        Err(_) => fs::rename(from, to).map(|()| true),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_if_free(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// A durable file beside `path`, under a name that is nobody's.
fn write_beside(
    path: &Path,
    bytes: &[u8],
    permissions: Option<fs::Permissions>,
) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{TEMPORARY}{}-{number}{TEMPORARY_END}", std::process::id());
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.sync_all()
    };
    let written = write();
    if let Err(error) = written {
        discard(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

/// Whether this is a file of [`write_beside`].
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY) && name.ends_with(TEMPORARY_END)
}

fn discard(temporary: &Path) {
    if let Err(error) = fs::remove_file(temporary)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %temporary.display(), %error, "a temporary file stays behind");
    }
}

/// Makes a new name in the folder of `path` durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Moves a file of the folder `root` into the folder's own trash, under its path or the next free one.
pub(super) fn to_trash(root: &Path, relative: &str) -> io::Result<()> {
    let from = root.join(relative);
    let target = root.join(TRASH).join(relative);
    let folder = target.parent().unwrap_or(root);
    make_folders(root, folder)?;
    let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = target.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    let extension = extension.unwrap_or_default();
    for number in 1.. {
        let name = match number {
            1 => format!("{stem}{extension}"),
            _ => format!("{stem} ({number}){extension}"),
        };
        if rename_new(&from, &folder.join(name))? {
            break;
        }
    }
    sync_folder(&from)?;
    sync_folder(&target)
}

/// Makes folders below `root`, none of which may be a link that leads elsewhere.
pub(super) fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    for part in folder.strip_prefix(root).map_err(io::Error::other)?.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let what = format!("{} is no folder, or a link to one", path.display());
                return Err(io::Error::new(ErrorKind::NotADirectory, what));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir(&path)?;
                sync_folder(&path)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file as an import does, changes it, and gives the bytes that are written.
    #[track_caller]
    fn check(
        bytes: &str,
        front_matter: impl Fn(&str) -> String,
        body: impl Fn(&str) -> String,
        expected: &str,
    ) {
        let read = extract::extract(&extract::Input { file_name: "a.md", bytes: bytes.as_bytes() })
            .unwrap();
        let old =
            Old { bytes: bytes.as_bytes(), front_matter: &read.front_matter, body: &read.body };
        let (front_matter, body) = (front_matter(&read.front_matter), body(&read.body));
        let rendered = render(Some(&old), &front_matter, &body);
        assert_eq!(String::from_utf8(rendered.clone()).unwrap(), expected);
        let again =
            extract::extract(&extract::Input { file_name: "a.md", bytes: &rendered }).unwrap();
        assert_eq!(again.body, body);
        assert_eq!(again.front_matter.trim_end(), front_matter.trim_end());
    }

    fn same(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn what_was_not_changed_stays_byte_for_byte() {
        for text in [
            "plain\n",
            "no end",
            "",
            "\u{feff}---\r\ntitle:   odd # why\r\n---\r\n\r\n\r\none\r\ntwo\n",
            "---\n# only a comment\n...\n\nbody",
            "---\n---\nbody\n",
            "a\u{1}b\r\nc\n",
        ] {
            check(text, same, same, text);
        }
    }

    #[test]
    fn a_change_touches_its_own_lines_alone() {
        check(
            "\u{feff}one\r\ntwo\r\nthree\n",
            same,
            |body| body.replace("two", "2\n2"),
            "\u{feff}one\r\n2\r\n2\r\nthree\n",
        );
        check(
            "---\ntags: [a]   # mine\n---\n\nbody",
            same,
            |_| "other".into(),
            "---\ntags: [a]   # mine\n---\n\nother",
        );
        check(
            "---\r\na: 1\r\n...\r\n\r\nbody\r\n",
            |_| "a: 1\nb: 2".into(),
            same,
            "---\r\na: 1\r\nb: 2\r\n...\r\n\r\nbody\r\n",
        );
        check("body\n", |_| "tags:\n  - x\n".into(), same, "---\ntags:\n  - x\n---\nbody\n");
        check("---\na: 1\n---\nbody\n", |_| String::new(), same, "body\n");
        check("---\n---\nbody\n", |_| "a: 1".into(), same, "---\na: 1\n---\nbody\n");
    }

    #[test]
    fn text_in_another_encoding_becomes_utf_8() {
        let latin = b"gr\xfc\xdfe aus K\xf6ln, viele Gr\xfc\xdfe";
        let old = Old { bytes: latin, front_matter: "", body: "grüße aus Köln, viele Grüße" };
        assert_eq!(render(Some(&old), "", "grüße"), "grüße".as_bytes());
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        fs::write(&path, "theirs").unwrap();
        assert!(!replace(&path, b"ours", &Digest::of(b"base")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert!(replace(&path, b"ours", &Digest::of(b"theirs")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert!(!write_new(&path, b"new").unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        to_trash(dir.path(), "a.md").unwrap();
        fs::write(&path, "second").unwrap();
        to_trash(dir.path(), "a.md").unwrap();
        assert_eq!(fs::read(dir.path().join(".trash/a.md")).unwrap(), b"ours");
        assert_eq!(fs::read(dir.path().join(".trash/a (2).md")).unwrap(), b"second");
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_never_made_through_a_link() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), dir.path().join("out")).unwrap();
        make_folders(dir.path(), &dir.path().join("out/deep")).unwrap_err();
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
        make_folders(dir.path(), &dir.path().join("in/deep")).unwrap();
        assert!(dir.path().join("in/deep").is_dir());
    }
}
