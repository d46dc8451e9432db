//! The zip file around a document: parts by path and, in Office Open XML (ECMA-376, part 2), the
//! relations between them and the properties of the whole. What is unpacked is counted, so that a
//! small file cannot grow beyond [`MAX_INPUT`].

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::xml::{self, Element};
use crate::{
    Attachments, Extracted, Failure, MAX_INPUT, date, document_title, keywords, text, yaml,
};

/// XML that unpacks to more is a bomb; war and peace has 7 MB.
const MAX_PART: u64 = 96 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// The last word of its type: `image`, `hyperlink`, `styles`.
    pub(crate) kind: String,
    /// A part's path, or what the relation leads to outside.
    pub(crate) target: String,
    pub(crate) external: bool,
}

pub(crate) struct Package<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// By lower-case path, since writers do not agree about case.
    index: HashMap<String, usize>,
    /// Bytes that may still be unpacked.
    budget: u64,
    /// The names of the parts that are attachments, by path.
    attached: HashMap<String, String>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Package<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        // A compound file: an encrypted document, or one of an old version.
        if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            let name: Vec<u8> =
                "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
            return Err(if bytes.windows(name.len()).any(|window| window == name) {
                Failure::Encrypted
            } else {
                Failure::Damaged("it is an Office document of the old, binary kind".to_owned())
            });
        }
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Failure::Damaged(format!("not a readable zip file ({error})")))?;
        let index =
            (0..zip.len()).filter_map(|at| Some((key(zip.name_for_index(at)?), at))).collect();
        Ok(Package {
            zip,
            index,
            budget: MAX_INPUT as u64,
            attached: HashMap::new(),
            warnings: Vec::new(),
        })
    }

    pub(crate) fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }

    /// A part's bytes; `None` if there is none or it cannot be unpacked.
    pub(crate) fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.read_limited(path, self.budget)
    }

    /// The name under which a part is kept as an attachment, unpacked once however often it is shown;
    /// `None` if it cannot be.
    pub(crate) fn attach(
        &mut self,
        path: &str,
        attachments: &mut Attachments,
    ) -> Result<Option<String>, Failure> {
        if let Some(name) = self.attached.get(path) {
            return Ok(Some(name.clone()));
        }
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        let name = attachments.add(path.rsplit('/').next().unwrap_or(path), bytes);
        self.attached.insert(path.to_owned(), name.clone());
        Ok(Some(name))
    }

    /// A part's text up to a length that leaves room for others; `None` if there is no such part.
    pub(crate) fn head(&mut self, path: &str) -> Result<Option<String>, Failure> {
        let limit = self.budget.min(MAX_PART);
        let bytes = self.unpack(path, limit)?;
        Ok(bytes.map(|bytes| text::decode(&bytes, None).0))
    }

    fn read_limited(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = self.unpack(path, limit + 1)?;
        if bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > limit) {
            return Err(Failure::TooLarge(usize::try_from(limit).unwrap_or(MAX_INPUT)));
        }
        Ok(bytes)
    }

    /// At most `limit` bytes of a part.
    fn unpack(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        let Some(&at) = self.index.get(&key(path)) else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = match self.zip.by_index(at) {
            Ok(file) => file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.budget = self.budget.saturating_sub(bytes.len() as u64);
        if let Err(error) = read {
            self.warn(&format!("Part {path} is damaged ({error})."));
            // What was unpacked of text before the fault is worth reading; half an image is not.
            return Ok((path.ends_with(".xml") && !bytes.is_empty()).then_some(bytes));
        }
        Ok(Some(bytes))
    }

    /// A part as a tree; `None` if there is none.
    pub(crate) fn xml(&mut self, path: &str) -> Result<Option<Element>, Failure> {
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
    pub(crate) fn relations(&mut self, part: &str) -> Result<HashMap<String, Relation>, Failure> {
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

    /// The part that the package is about, `usual` if it does not say.
    pub(crate) fn main_part(&mut self, usual: &str) -> Result<String, Failure> {
        let part = self.part_of_kind("officeDocument")?;
        Ok(part.unwrap_or_else(|| usual.to_owned()))
    }

    /// What the package says of the document: all but its body, attachments and warnings.
    pub(crate) fn properties(&mut self, kind: &'static str) -> Result<Extracted, Failure> {
        let part = self.part_of_kind("core-properties")?;
        let core = self.xml(&part.unwrap_or_else(|| "docProps/core.xml".to_owned()))?;
        let field = |name: &str| core.as_ref()?.child(name).map(Element::text);
        let author = field("creator").filter(|author| author != "python-docx");
        Ok(Extracted {
            title: field("title").as_deref().and_then(document_title),
            front_matter: yaml(&[("author", author.as_deref())]),
            tags: field("keywords").map(|words| keywords(&words)).unwrap_or_default(),
            kind,
            created_ms: field("created").and_then(|text| date::parse(&text)),
            updated_ms: field("modified").and_then(|text| date::parse(&text)),
            keep_original: true,
            ..Extracted::default()
        })
    }
}

fn key(path: &str) -> String {
    path.trim_start_matches('/').replace('\\', "/").to_lowercase()
}

/// A target relative to a folder of the package, or to its root if it starts with `/`.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
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

/// A zip file of text parts.
#[cfg(test)]
pub(crate) fn zip_of(parts: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;

    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in parts {
        zip.start_file(*path, zip::write::SimpleFileOptions::default()).expect("new part");
        zip.write_all(content.as_bytes()).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}
