//! The zip file around a document: parts by path, and the relations between them.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::xml::{self, Element};
use crate::{Failure, MAX_INPUT};

/// XML that unpacks to more is a bomb; war and peace has 7 MB.
const MAX_PART: u64 = 96 << 20;

#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The last word of its type: `image`, `hyperlink`, `styles`.
    pub(super) kind: String,
    /// A part's path, or what the relation leads to outside.
    pub(super) target: String,
    pub(super) external: bool,
}

pub(super) struct Package<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// By lower-case path, since writers do not agree about case.
    index: HashMap<String, usize>,
    /// Bytes that may still be unpacked.
    budget: u64,
    pub(super) warnings: Vec<String>,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        // A compound file: an encrypted document, or one of an old version.
        if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            let name: Vec<u8> =
                "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
            return Err(if bytes.windows(name.len()).any(|window| window == name) {
                Failure::Encrypted
            } else {
                Failure::Damaged("it is an old Word document (.doc), not .docx".to_owned())
            });
        }
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Failure::Damaged(format!("not a readable zip file ({error})")))?;
        let index =
            (0..zip.len()).filter_map(|at| Some((key(zip.name_for_index(at)?), at))).collect();
        Ok(Package { zip, index, budget: MAX_INPUT as u64, warnings: Vec::new() })
    }

    pub(super) fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }

    /// A part's bytes; `None` if there is none or it cannot be unpacked.
    pub(super) fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.read_limited(path, self.budget)
    }

    fn read_limited(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        let Some(&at) = self.index.get(&key(path)) else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = match self.zip.by_index(at) {
            Ok(file) => {
                file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let length = bytes.len() as u64;
        if length > limit {
            return Err(Failure::TooLarge(usize::try_from(limit).unwrap_or(MAX_INPUT)));
        }
        self.budget -= length;
        if let Err(error) = read {
            self.warn(&format!("Part {path} is damaged ({error})."));
            // What was unpacked of text before the fault is worth reading; half an image is not.
            return Ok((path.ends_with(".xml") && !bytes.is_empty()).then_some(bytes));
        }
        Ok(Some(bytes))
    }

    /// A part as a tree; `None` if there is none.
    pub(super) fn xml(&mut self, path: &str) -> Result<Option<Element>, Failure> {
        let Some(bytes) = self.read_limited(path, self.budget.min(MAX_PART))? else {
            return Ok(None);
        };
        match xml::parse(&bytes) {
            Ok((root, fault)) => {
                if let Some(fault) = fault {
                    self.warn(&format!("Part {path} is damaged ({fault}): what follows is lost."));
                }
                Ok(Some(root))
            }
            Err(Failure::Damaged(reason)) => {
                self.warn(&format!("Part {path} is damaged ({reason})."));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The relations of a part, by id; those of the package itself for an empty path.
    pub(super) fn relations(&mut self, part: &str) -> Result<HashMap<String, Relation>, Failure> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let separator = if folder.is_empty() { "" } else { "/" };
        let path = format!("{folder}{separator}_rels/{name}.rels");
        let Some(root) = self.xml(&path)? else { return Ok(HashMap::new()) };
        let relation = |element: &Element| {
            let target = element.attribute("Target")?;
            let external = element.attribute("TargetMode") == Some("External");
            let kind = element.attribute("Type").unwrap_or_default();
            Some((
                element.attribute("Id")?.to_owned(),
                Relation {
                    kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                    target: if external { target.to_owned() } else { resolve(folder, target) },
                    external,
                },
            ))
        };
        Ok(root.elements().filter_map(relation).collect())
    }

    fn part_of_kind(&mut self, kind: &str) -> Result<Option<String>, Failure> {
        let relations = self.relations("")?;
        let found =
            relations.into_values().find(|relation| relation.kind == kind && !relation.external);
        Ok(found.map(|relation| relation.target))
    }

    pub(super) fn main_part(&mut self) -> Result<String, Failure> {
        let part = self.part_of_kind("officeDocument")?;
        Ok(part.unwrap_or_else(|| "word/document.xml".to_owned()))
    }

    pub(super) fn core_properties(&mut self) -> Result<Option<Element>, Failure> {
        let part = self.part_of_kind("core-properties")?;
        self.xml(&part.unwrap_or_else(|| "docProps/core.xml".to_owned()))
    }
}

fn key(path: &str) -> String {
    path.trim_start_matches('/').replace('\\', "/").to_lowercase()
}

/// A target relative to a folder of the package, or to its root if it starts with `/`.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(folder.split('/').filter(|part| !part.is_empty()));
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
