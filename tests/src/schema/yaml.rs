//! YAML as a graph: an alias is the node that it names, so a list may be below itself.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

/// A document; its first node is the root.
pub(super) struct Document(Vec<Node>);

/// A place in the document. The same place reached on two ways is an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(usize);

enum Node {
    Scalar(String),
    List(Vec<Place>),
    Map(Vec<(String, Place)>),
}

impl Document {
    pub const ROOT: Place = Place(0);

    pub fn read(text: &str) -> Self {
        let events = Parser::new_from_str(text).map(|event| event.unwrap().0);
        let framing =
            |event: &Event| matches!(event, Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd);
        let mut builder = Builder { nodes: Vec::new(), anchors: HashMap::new() };
        let mut events = events.filter(|event| !framing(event));
        builder.node(&mut events);
        assert_eq!(events.next(), Some(Event::StreamEnd), "one document");
        Self(builder.nodes)
    }

    /// The value of a key of a map.
    pub fn find(&self, map: Place, key: &str) -> Option<Place> {
        self.entries(map).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub fn entries(&self, map: Place) -> impl Iterator<Item = (&str, Place)> {
        let Node::Map(entries) = &self.0[map.0] else { panic!("not a map") };
        entries.iter().map(|(key, value)| (key.as_str(), *value))
    }

    pub fn items(&self, list: Place) -> impl Iterator<Item = Place> {
        let Node::List(items) = &self.0[list.0] else { panic!("not a list") };
        items.iter().copied()
    }

    pub fn text(&self, scalar: Place) -> &str {
        let Node::Scalar(text) = &self.0[scalar.0] else { panic!("not a scalar") };
        text
    }
}

struct Builder {
    nodes: Vec<Node>,
    anchors: HashMap<usize, Place>,
}

impl Builder {
    fn node<'a>(&mut self, events: &mut impl Iterator<Item = Event<'a>>) -> Place {
        let first = events.next().unwrap();
        self.node_of(first, events)
    }

    fn node_of<'a>(&mut self, first: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Place {
        match first {
            Event::Alias(anchor) => self.anchors[&anchor],
            Event::Scalar(text, _, anchor, _) => self.push(Node::Scalar(text.into_owned()), anchor),
            Event::SequenceStart(anchor, _) => {
                let place = self.push(Node::List(Vec::new()), anchor);
                let mut items = Vec::new();
                loop {
                    match events.next().unwrap() {
                        Event::SequenceEnd => break,
                        item => items.push(self.node_of(item, events)),
                    }
                }
                self.nodes[place.0] = Node::List(items);
                place
            }
            Event::MappingStart(anchor, _) => {
                let place = self.push(Node::Map(Vec::new()), anchor);
                let mut entries = Vec::new();
                loop {
                    match events.next().unwrap() {
                        Event::MappingEnd => break,
                        Event::Scalar(key, ..) => entries.push((key.into_owned(), self.node(events))),
                        other => panic!("not a key: {other:?}"),
                    }
                }
                self.nodes[place.0] = Node::Map(entries);
                place
            }
            other => panic!("not a value: {other:?}"),
        }
    }

    /// Known under its anchor before what is in it is read.
    fn push(&mut self, node: Node, anchor: usize) -> Place {
        let place = Place(self.nodes.len());
        self.nodes.push(node);
        if anchor > 0 {
            self.anchors.insert(anchor, place);
        }
        place
    }
}
