//! What styles and numbering definitions make of a paragraph or a run.

use std::collections::HashMap;

use crate::blocks::Kind;
use crate::inline;
use crate::xml::Element;

/// Styles may be based on each other in a circle.
const MAX_CHAIN: usize = 16;
/// Word has nine list levels.
const MAX_LEVEL: usize = 8;

#[derive(Default)]
struct NamedStyle {
    name: String,
    based_on: Option<String>,
    outline: Option<u8>,
    numbering: Option<(Option<String>, Option<usize>)>,
    bold: Option<bool>,
    italic: Option<bool>,
    strike: Option<bool>,
}

#[derive(Clone)]
struct Level {
    format: String,
    start: usize,
    style: Option<String>,
}

#[derive(Default)]
pub(super) struct Styles {
    named: HashMap<String, NamedStyle>,
    default_paragraph: Option<String>,
    lists: HashMap<String, HashMap<usize, Level>>,
}

impl Styles {
    pub(super) fn new(styles: Option<&Element>, numbering: Option<&Element>) -> Styles {
        let mut out = Styles::default();
        for style in styles.into_iter().flat_map(Element::elements) {
            let Some(id) = style.attribute("styleId") else { continue };
            let paragraph = style.child("pPr");
            let run = style.child("rPr");
            let toggled = |name| run.and_then(|run| toggle(run, name));
            if style.attribute("default").is_some_and(is_on)
                && style.attribute("type") == Some("paragraph")
            {
                out.default_paragraph = Some(id.to_owned());
            }
            let named = NamedStyle {
                name: style.value("name").unwrap_or_default().to_lowercase(),
                based_on: style.value("basedOn").map(str::to_owned),
                outline: outline(paragraph),
                numbering: numbering_of(paragraph),
                bold: toggled("b"),
                italic: toggled("i"),
                strike: toggled("strike").or_else(|| toggled("dstrike")),
            };
            out.named.insert(id.to_owned(), named);
        }
        if let Some(numbering) = numbering {
            out.lists = lists(numbering);
        }
        out
    }

    fn chain(&self, id: Option<&str>) -> impl Iterator<Item = &NamedStyle> {
        let mut next = id.and_then(|id| self.named.get(id));
        std::iter::from_fn(move || {
            let style = next?;
            next = style.based_on.as_ref().and_then(|id| self.named.get(id));
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    pub(super) fn kind(&self, properties: Option<&Element>) -> Kind {
        let id = properties.and_then(|p| p.value("pStyle")).or(self.default_paragraph.as_deref());
        // The nearest style that says what it is decides, by its name or by its outline level.
        let of_style = |style: &NamedStyle| {
            let level = style
                .outline
                .map(|level| if level < 9 { Kind::Heading(level + 1) } else { Kind::Text });
            kind_of_name(&style.name).or(level)
        };
        let by_style = match id {
            Some(id) if !self.named.contains_key(id) => kind_of_name(&id.to_lowercase()),
            id => self.chain(id).find_map(of_style),
        };
        if matches!(by_style, Some(Kind::Heading(_) | Kind::Title | Kind::Code)) {
            return by_style.unwrap_or(Kind::Text);
        }
        if let Some(level) = outline(properties).filter(|level| *level < 9) {
            return Kind::Heading(level + 1);
        }
        let own = numbering_of(properties);
        let inherited = self.chain(id).find_map(|style| style.numbering.clone());
        let list = own.as_ref().and_then(|(list, _)| list.clone());
        let list = list.or_else(|| inherited.as_ref().and_then(|(list, _)| list.clone()));
        let level = own.as_ref().and_then(|(_, level)| *level);
        let level = level.or_else(|| inherited.as_ref().and_then(|(_, level)| *level));
        if let Some(list) = list.filter(|list| list != "0") {
            let levels = self.lists.get(&list);
            // A style's level may be told only by the level that names the style.
            let level = level.or_else(|| {
                let named = levels?.iter().filter(|(_, level)| level.style.is_some());
                named.into_iter().find(|(_, level)| level.style.as_deref() == id).map(|(&at, _)| at)
            });
            let level = level.unwrap_or(0).min(MAX_LEVEL);
            let format =
                levels.and_then(|levels| levels.get(&level)).map(|level| level.format.as_str());
            match format {
                Some("none") => {}
                Some("bullet") | None => {
                    return Kind::Item { level, list, ordered: false, number: 0 };
                }
                Some(_) => return Kind::Item { level, list, ordered: true, number: 0 },
            }
        } else if own.is_some() {
            return Kind::Text;
        }
        by_style.unwrap_or(Kind::Text)
    }

    /// The number that a list starts with at a level.
    pub(super) fn start(&self, list: &str, level: usize) -> usize {
        let level = self.lists.get(list).and_then(|levels| levels.get(&level));
        level.map_or(1, |level| level.start)
    }

    pub(super) fn run(&self, properties: Option<&Element>) -> inline::Style {
        let Some(properties) = properties else { return inline::Style::default() };
        let chain = || self.chain(properties.value("rStyle"));
        let pick = |own: Option<bool>, of: fn(&NamedStyle) -> Option<bool>| {
            own.or_else(|| chain().find_map(of)).unwrap_or(false)
        };
        let strike = toggle(properties, "strike").or_else(|| toggle(properties, "dstrike"));
        inline::Style {
            bold: pick(toggle(properties, "b"), |style| style.bold),
            italic: pick(toggle(properties, "i"), |style| style.italic),
            strike: pick(strike, |style| style.strike),
            code: chain().any(|style| {
                matches!(
                    style.name.as_str(),
                    "verbatim char"
                        | "html code"
                        | "html typewriter"
                        | "html sample"
                        | "html keyboard"
                        | "source text"
                        | "code"
                        | "code char"
                        | "inline code"
                        | "html preformatted char"
                )
            }),
        }
    }
}

fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false" | "off" | "none")
}

/// A property that is on when present, unless it says otherwise.
pub(super) fn toggle(properties: &Element, name: &str) -> Option<bool> {
    let property = properties.child(name)?;
    Some(property.attribute("val").is_none_or(is_on))
}

fn outline(properties: Option<&Element>) -> Option<u8> {
    properties?.value("outlineLvl")?.parse().ok()
}

fn numbering_of(properties: Option<&Element>) -> Option<(Option<String>, Option<usize>)> {
    let numbering = properties?.child("numPr")?;
    let level = numbering.value("ilvl").and_then(|level| level.parse().ok());
    Some((numbering.value("numId").map(str::to_owned), level))
}

/// The built-in names, which Word keeps in English whatever its language.
fn kind_of_name(name: &str) -> Option<Kind> {
    if let Some(level) =
        name.strip_prefix("heading").and_then(|level| level.trim().parse::<u8>().ok())
    {
        return (1..=9).contains(&level).then_some(Kind::Heading(level));
    }
    let item = |ordered| Kind::Item { level: 0, list: name.to_owned(), ordered, number: 0 };
    Some(match name {
        "title" => Kind::Title,
        "quote" | "intense quote" | "block text" | "block quote" | "block quotation"
        | "quotations" => Kind::Quote,
        "source code" | "html preformatted" | "preformatted text" | "code" | "code block" => {
            Kind::Code
        }
        _ if name.starts_with("list bullet") => item(false),
        _ if name.starts_with("list number") => item(true),
        _ => return None,
    })
}

fn lists(numbering: &Element) -> HashMap<String, HashMap<usize, Level>> {
    let level = |element: &Element| -> Option<(usize, Level)> {
        let format = element.value("numFmt").or_else(|| element.find("numFmt")?.attribute("val"));
        let level = Level {
            format: format.unwrap_or("decimal").to_owned(),
            start: element.value("start").and_then(|start| start.parse().ok()).unwrap_or(1),
            style: element.value("pStyle").map(str::to_owned),
        };
        Some((element.attribute("ilvl")?.parse().ok()?, level))
    };
    let mut definitions: HashMap<&str, (HashMap<usize, Level>, Option<&str>)> = HashMap::new();
    let mut by_style: HashMap<&str, &str> = HashMap::new();
    for definition in numbering.elements().filter(|e| &*e.name == "abstractNum") {
        let Some(id) = definition.attribute("abstractNumId") else { continue };
        let levels =
            definition.elements().filter(|e| &*e.name == "lvl").filter_map(level).collect();
        if let Some(style) = definition.value("styleLink") {
            by_style.insert(style, id);
        }
        definitions.insert(id, (levels, definition.value("numStyleLink")));
    }
    let mut out = HashMap::new();
    for list in numbering.elements().filter(|e| &*e.name == "num") {
        let (Some(id), Some(definition)) = (list.attribute("numId"), list.value("abstractNumId"))
        else {
            continue;
        };
        let mut levels = HashMap::new();
        if let Some((own, link)) = definitions.get(definition) {
            let linked = link.and_then(|link| definitions.get(by_style.get(link)?));
            levels = linked.map_or_else(|| own.clone(), |(linked, _)| linked.clone());
        }
        for change in list.elements().filter(|e| &*e.name == "lvlOverride") {
            let Some(at) = change.attribute("ilvl").and_then(|at| at.parse().ok()) else {
                continue;
            };
            if let Some((_, level)) = change.child("lvl").and_then(level) {
                levels.insert(at, level);
            }
            let start = change.value("startOverride").and_then(|start| start.parse().ok());
            if let (Some(start), Some(level)) = (start, levels.get_mut(&at)) {
                level.start = start;
            }
        }
        out.insert(id.to_owned(), levels);
    }
    out
}
