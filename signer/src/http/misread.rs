//! What is wrong with a body or a query, told by the names of its members and never by their values, which may be secrets.

use std::fmt;

use serde_path_to_error::{Error, Segment};

/// Where something is not what its path takes, and in which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misread {
    /// The member, as `target.os` or `devices[1]`, short and without control characters; empty for the whole.
    pub(super) member: String,
    /// In which way.
    pub(super) fault: Fault,
}

/// In which way a member is not what its path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not there.
    Missing,
    /// It is there twice.
    Twice,
    /// It holds a member that nobody knows, whose name is not repeated.
    Stranger,
    /// Its type or its words are others.
    Other,
}

impl Misread {
    /// From what the deserializer says: of its sentence only the names are taken that are in our own types.
    pub(super) fn new<E: fmt::Display>(error: &Error<E>) -> Self {
        let said = error.inner().to_string();
        let own = |start| said.strip_prefix(start)?.split('`').next();
        let mut names: Vec<String> = error.path().iter().map_while(name).collect();
        let (fault, last) = match (own("missing field `"), own("duplicate field `")) {
            (Some(missing), _) => (Fault::Missing, Some(missing)),
            (_, Some(twice)) => (Fault::Twice, Some(twice)),
            _ if said.starts_with("unknown field `") => {
                names.pop();
                (Fault::Stranger, None)
            }
            _ => (Fault::Other, None),
        };
        names.extend(last.map(|last| format!(".{last}")));
        let member = names.concat();
        let member: String = member.trim_start_matches('.').chars().flat_map(char::escape_debug).collect();
        let is_long = member.chars().nth(LONGEST).is_some();
        let shown = member.chars().take(LONGEST).chain(is_long.then_some('…'));
        Self { member: shown.collect(), fault }
    }
}

fn name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(format!(".{key}")),
        Segment::Seq { index } => Some(format!("[{index}]")),
        // A variant is a value.
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// As a predicate: `target.os is missing`; the whole is to be named by who shows it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Twice => "is there twice",
            Self::Stranger => "has a member that this path does not take",
            Self::Other => "is not what this path takes",
        })
    }
}

/// The most characters that are shown of a member's name.
const LONGEST: usize = 100;
