//! XML parts as small trees of local names; namespaces are told apart by the caller's context.
//! Entities beyond the predefined ones are dropped, so none can expand.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::Failure;

/// A Word file of a thousand pages has about a million.
const MAX_NODES: usize = 4_000_000;
/// The text of deeper elements is hung on the deepest one allowed, in elements `t` as in a run, so
/// that walking a tree may recurse.
const MAX_DEPTH: usize = 160;
/// A longer value is no text that anyone wrote.
const MAX_ATTRIBUTE: usize = 64 << 10;

#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
    pub(crate) children: Vec<Node>,
}

#[derive(Debug)]
pub(crate) enum Node {
    Element(Element),
    Text(Box<str>),
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    /// All values of that local name, whatever their namespaces.
    pub(crate) fn attributes(&self, name: &str) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(move |(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| &*element.name == name)
    }

    /// The `val` of a child.
    pub(crate) fn value(&self, child: &str) -> Option<&str> {
        self.child(child)?.attribute("val")
    }

    /// The first element of that name below this one, in document order.
    pub(crate) fn find(&self, name: &str) -> Option<&Element> {
        self.elements()
            .find_map(|child| if &*child.name == name { Some(child) } else { child.find(name) })
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for node in &self.children {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Element(element) => out.push_str(&element.text()),
            }
        }
        out
    }
}

fn local(name: &str) -> Box<str> {
    name.rsplit(':').next().unwrap_or(name).into()
}

fn open(start: &BytesStart<'_>) -> Element {
    let mut attributes = start.attributes();
    let attributes = attributes.with_checks(false).take(64).flatten();
    let attributes =
        attributes.filter(|attribute| attribute.value.len() <= MAX_ATTRIBUTE).map(|attribute| {
            let value = attribute.value.as_ref();
            let value = quick_xml::escape::unescape(value)
                .map_or_else(|_| value.into(), |v| v.as_ref().into());
            (local(attribute.key.as_ref()), value)
        });
    Element {
        name: local(start.name().as_ref()),
        attributes: attributes.collect(),
        children: Vec::new(),
    }
}

/// Reads a part. What follows a fault in it is lost: the second is then why.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Element, Option<String>), Failure> {
    let text = crate::text::decode(bytes, None).0;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut stack = vec![Element::default()];
    let mut skipped_depth = 0_usize;
    let mut nodes = 0;
    let close = |stack: &mut Vec<Element>| {
        if stack.len() > 1
            && let Some(done) = stack.pop()
            && let Some(parent) = stack.last_mut()
        {
            parent.children.push(Node::Element(done));
        }
    };
    let mut fault = None;
    loop {
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(Failure::TooLarge(crate::MAX_INPUT));
        }
        let add = |stack: &mut Vec<Element>, text: &str| {
            if let Some(parent) = stack.last_mut() {
                if skipped_depth > 0 && !text.trim().is_empty() {
                    let children = vec![Node::Text(text.into())];
                    parent.children.push(Node::Element(Element {
                        name: "t".into(),
                        children,
                        ..Element::default()
                    }));
                    return;
                }
                match parent.children.last_mut() {
                    Some(Node::Text(last)) if last.len() < 4096 => {
                        *last = format!("{last}{text}").into()
                    }
                    _ => parent.children.push(Node::Text(text.into())),
                }
            }
        };
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if stack.len() < MAX_DEPTH {
                    stack.push(open(&start));
                } else {
                    skipped_depth += 1;
                }
            }
            Ok(Event::Empty(start)) => {
                if let Some(parent) = stack.last_mut() {
                    parent.children.push(Node::Element(open(&start)));
                }
            }
            Ok(Event::End(_)) if skipped_depth > 0 => skipped_depth -= 1,
            Ok(Event::End(_)) => close(&mut stack),
            Ok(Event::Text(text)) => add(&mut stack, &text.xml10_content()),
            Ok(Event::CData(text)) => add(&mut stack, &text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let known = reference.resolve_char_ref().ok().flatten();
                let name = reference.into_inner();
                let known = known.map(String::from);
                let known = known.or_else(|| {
                    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                });
                add(&mut stack, known.as_deref().unwrap_or_default());
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                fault = Some(error.to_string());
                break;
            }
        }
    }
    if fault.is_none() && stack.len() > 1 {
        fault = Some("its end is missing".to_owned());
    }
    while stack.len() > 1 {
        close(&mut stack);
    }
    let root = stack.pop().unwrap_or_default();
    let root = root.children.into_iter().find_map(|node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    });
    match root {
        Some(root) => Ok((root, fault)),
        None => Err(Failure::Damaged(fault.unwrap_or_else(|| "a part is not XML".to_owned()))),
    }
}
