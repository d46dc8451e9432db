//! One change to a model before it is opened. A weight-only int8 model widens its whole word table
//! to floats and then looks words up in it; here the lookup comes first and only the words in hand
//! are widened. The numbers stay the same; a session takes 40 to 80 MB less.
//! Wire format: <https://protobuf.dev/programming-guides/encoding/>; field numbers: onnx.proto of ONNX 1.17.

use std::collections::HashMap;

pub(crate) const MODEL_GRAPH: u64 = 7;
pub(crate) const GRAPH_NODE: u64 = 1;
pub(crate) const GRAPH_INITIALIZER: u64 = 5;
pub(crate) const NODE_INPUT: u64 = 1;
pub(crate) const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
pub(crate) const NODE_OP_TYPE: u64 = 4;
pub(crate) const TENSOR_DIMS: u64 = 1;
pub(crate) const TENSOR_NAME: u64 = 8;

/// One field of a message: its number, its value, and its bytes with the tag.
struct Field<'a> {
    number: u64,
    value: Value<'a>,
    whole: &'a [u8],
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Fixed width: never looked at here.
    Fixed,
}

impl<'a> Field<'a> {
    fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self.value { Some(bytes) } else { None }
    }
}

/// Takes a number off the front.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The fields of a message, or `None` if it is malformed.
fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let begin = rest;
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut rest)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Value::Bytes(bytes)
            }
            wire @ (1 | 5) => {
                rest = rest.get(if wire == 1 { 8 } else { 4 }..)?;
                Value::Fixed
            }
            _ => return None,
        };
        fields.push(Field { number: tag >> 3, value, whole: &begin[..begin.len() - rest.len()] });
    }
    Some(fields)
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[derive(Clone, Default, PartialEq)]
struct Node<'a> {
    op: &'a str,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The other fields as they are.
    rest: Vec<u8>,
}

impl<'a> Node<'a> {
    fn read(message: &'a [u8]) -> Option<Node<'a>> {
        let mut node = Node::default();
        for field in fields(message)? {
            let text = || std::str::from_utf8(field.bytes()?).ok();
            match field.number {
                NODE_INPUT => node.inputs.push(text()?.to_owned()),
                NODE_OUTPUT => node.outputs.push(text()?.to_owned()),
                // Only for messages, and a copied node must not share it.
                NODE_NAME => {}
                number => {
                    if number == NODE_OP_TYPE {
                        node.op = text()?;
                    }
                    node.rest.extend_from_slice(field.whole);
                }
            }
        }
        Some(node)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.inputs.iter().for_each(|name| put_bytes(&mut out, NODE_INPUT, name.as_bytes()));
        self.outputs.iter().for_each(|name| put_bytes(&mut out, NODE_OUTPUT, name.as_bytes()));
        out.extend_from_slice(&self.rest);
        out
    }
}

/// Name and shape of a stored tensor.
fn tensor(message: &[u8]) -> Option<(String, Vec<u64>)> {
    let (mut name, mut shape) = (String::new(), Vec::new());
    for field in fields(message)? {
        match (field.number, field.value) {
            (TENSOR_NAME, Value::Bytes(bytes)) => name = String::from_utf8(bytes.to_vec()).ok()?,
            (TENSOR_DIMS, Value::Number(size)) => shape.push(size),
            (TENSOR_DIMS, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    shape.push(varint(&mut packed)?);
                }
            }
            _ => {}
        }
    }
    Some((name, shape))
}

/// The model with each `Gather(Mul(Cast(table), scale), ids)` turned into
/// `Mul(Cast(Gather(table, ids)), Gather(scale, ids))`. `None` if it has no such table.
pub(crate) fn narrow_tables(model: &[u8]) -> Option<Vec<u8>> {
    let model = fields(model)?;
    let graph = model.iter().find(|field| field.number == MODEL_GRAPH)?;
    let graph_fields = fields(graph.bytes()?)?;
    let mut nodes = Vec::new();
    let mut shapes = HashMap::new();
    for field in &graph_fields {
        match field.number {
            GRAPH_NODE => nodes.push(Node::read(field.bytes()?)?),
            GRAPH_INITIALIZER => shapes.extend([tensor(field.bytes()?)?]),
            _ => {}
        }
    }
    let nodes = reorder(nodes, &shapes)?;
    let mut graph = Vec::new();
    for node in nodes {
        put_bytes(&mut graph, GRAPH_NODE, &node.write());
    }
    for field in graph_fields.iter().filter(|field| field.number != GRAPH_NODE) {
        graph.extend_from_slice(field.whole);
    }
    let mut out = Vec::with_capacity(graph.len() + 1024);
    for field in &model {
        if field.number == MODEL_GRAPH {
            put_bytes(&mut out, MODEL_GRAPH, &graph);
        } else {
            out.extend_from_slice(field.whole);
        }
    }
    Some(out)
}

fn reorder<'a>(
    mut nodes: Vec<Node<'a>>,
    shapes: &HashMap<String, Vec<u64>>,
) -> Option<Vec<Node<'a>>> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for input in nodes.iter().flat_map(|node| &node.inputs) {
        *uses.entry(input.clone()).or_default() += 1;
    }
    let maker = |nodes: &[Node], op: &str, output: &str| {
        nodes.iter().position(|node| node.op == op && node.outputs == [output])
    };
    let mut found = false;
    for at in 0..nodes.len() {
        let gather = nodes[at].clone();
        if gather.op != "Gather" || gather.inputs.len() != 2 {
            continue;
        }
        let [wide, ids] = [&gather.inputs[0], &gather.inputs[1]];
        let Some(mul) = maker(&nodes, "Mul", wide) else { continue };
        let Some(cast) = maker(&nodes, "Cast", &nodes[mul].inputs[0]) else { continue };
        let (table, scale) = (nodes[cast].inputs[0].clone(), nodes[mul].inputs[1].clone());
        // One scale per row, and nobody else wants the wide table.
        let by_row = matches!(
            (shapes.get(&table).map(Vec::as_slice), shapes.get(&scale).map(Vec::as_slice)),
            (Some([rows, _]), Some([scales, 1])) if rows == scales
        );
        if !by_row || uses[wide] != 1 || uses[&nodes[mul].inputs[0]] != 1 {
            continue;
        }
        let named = |what: &str| format!("{wide}:{what}");
        let (lookup, scales) = (named("rows"), named("scales"));
        let widened = nodes[mul].inputs[0].clone();
        let mut second = Node { inputs: vec![scale, ids.clone()], ..gather.clone() };
        second.outputs = vec![scales.clone()];
        // In the order of use, as ONNX wants it: the lookups, then the widening where the lookup was.
        let mut widen = nodes[cast].clone();
        widen.inputs = vec![lookup.clone()];
        let mut multiply = nodes[mul].clone();
        (multiply.inputs, multiply.outputs) = (vec![widened, scales], gather.outputs.clone());
        let mut first = Node { inputs: vec![table, ids.clone()], ..gather };
        first.outputs = vec![lookup];
        // A node without outputs is one that is gone.
        (nodes[cast], nodes[mul]) = (Node::default(), Node::default());
        nodes[at] = multiply;
        nodes.splice(at..at, [first, second, widen]);
        found = true;
        break;
    }
    if !found {
        return None;
    }
    nodes.retain(|node| *node != Node::default());
    // The other tables, if there are more.
    Some(reorder(nodes.clone(), shapes).unwrap_or(nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
        let mut out = Vec::new();
        inputs.iter().for_each(|name| put_bytes(&mut out, NODE_INPUT, name.as_bytes()));
        put_bytes(&mut out, NODE_OUTPUT, output.as_bytes());
        put_bytes(&mut out, NODE_OP_TYPE, op.as_bytes());
        out
    }

    fn model(scale_columns: u64, other_use: bool) -> Vec<u8> {
        let mut graph = Vec::new();
        for (name, shape) in [("table", [300, 4]), ("scale", [300, scale_columns])] {
            let mut tensor = Vec::new();
            for size in shape {
                put_varint(&mut tensor, TENSOR_DIMS << 3);
                put_varint(&mut tensor, size);
            }
            put_bytes(&mut tensor, TENSOR_NAME, name.as_bytes());
            put_bytes(&mut graph, GRAPH_INITIALIZER, &tensor);
        }
        let last = if other_use { "wide" } else { "found" };
        for node in [
            node("Cast", &["table"], "float"),
            node("Mul", &["float", "scale"], "wide"),
            node("Gather", &["wide", "ids"], "found"),
            node("Add", &["found", last], "end"),
        ] {
            put_bytes(&mut graph, GRAPH_NODE, &node);
        }
        let mut model = Vec::new();
        put_varint(&mut model, 1 << 3);
        put_varint(&mut model, 8);
        put_bytes(&mut model, MODEL_GRAPH, &graph);
        model
    }

    #[test]
    fn looks_up_before_it_widens() {
        let changed = narrow_tables(&model(1, false)).unwrap();
        let top = fields(&changed).unwrap();
        let graph = fields(top[1].bytes().unwrap()).unwrap();
        let nodes: Vec<String> = graph
            .iter()
            .filter(|field| field.number == GRAPH_NODE)
            .map(|field| Node::read(field.bytes().unwrap()).unwrap())
            .map(|node| {
                format!("{}({}) {}", node.op, node.inputs.join(" "), node.outputs.join(" "))
            })
            .collect();
        assert_eq!(
            nodes,
            [
                "Gather(table ids) wide:rows",
                "Gather(scale ids) wide:scales",
                "Cast(wide:rows) float",
                "Mul(float wide:scales) found",
                "Add(found found) end",
            ]
        );
        assert!(narrow_tables(&changed).is_none());
    }

    #[test]
    fn leaves_other_models_alone() {
        for bytes in
            [model(4, false), model(1, true), Vec::new(), b"no model".to_vec(), vec![0xff; 40]]
        {
            assert!(narrow_tables(&bytes).is_none());
        }
        let whole = model(1, false);
        for length in 0..whole.len() {
            assert!(narrow_tables(&whole[..length]).is_none());
        }
    }
}
