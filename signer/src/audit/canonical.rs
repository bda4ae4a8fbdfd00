//! JSON in one form only: members sorted by their names' code points, no space, no fraction, no needless escape.

use serde_json::Value;

/// The canonical text; `None` when there is a number in it that is no whole one of 64 bits.
pub(super) fn text(value: &Value) -> Option<String> {
    let mut out = String::new();
    write(value, &mut out).then_some(out)
}

fn write(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => return false,
        Value::Array(items) => return sequence(out, ['[', ']'], items, write),
        Value::Object(members) => {
            // By bytes of UTF-8, which is the order of code points.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            return sequence(out, ['{', '}'], &members, |(name, value), out| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out)
            });
        }
        simple => out.push_str(&simple.to_string()),
    }
    true
}

fn sequence<T>(out: &mut String, [open, close]: [char; 2], items: &[T], one: impl Fn(&T, &mut String) -> bool) -> bool {
    out.push(open);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        if !one(item, out) {
            return false;
        }
    }
    out.push(close);
    true
}
