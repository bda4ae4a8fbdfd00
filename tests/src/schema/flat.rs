//! The library's table as lines, one a fact, as `judges/schema_judge.py` writes Apple's files.

use profile_kit::schema::{self, Bounds, KeySchema, Keys, PayloadSchema, Support, Systems};

/// Every fact of the table: file, path and name of the fact, its value, with tabs between.
pub fn flat() -> Vec<String> {
    let mut lines = Vec::new();
    for payload in schema::types().chain([schema::top_level(), schema::common()]) {
        Walk { payload, lines: &mut lines, above: Vec::new() }.payload();
    }
    lines
}

struct Walk<'a> {
    payload: &'a PayloadSchema,
    lines: &'a mut Vec<String>,
    /// The dictionaries that the walk is in, with their paths.
    above: Vec<(Keys, String)>,
}

impl Walk<'_> {
    fn payload(&mut self) {
        self.fact("", "kind", self.payload.kind);
        self.systems("", &self.payload.support);
        self.keys("", self.payload.keys);
    }

    fn fact(&mut self, path: &str, name: &str, value: impl ToString) {
        self.lines.push(format!("{}\t{path}\t{name}\t{}", self.payload.file, value.to_string()));
    }

    fn keys(&mut self, path: &str, keys: Keys) {
        if let Some((_, first)) = self.above.iter().find(|(above, _)| *above == keys) {
            let first = first.clone();
            return self.fact(path, "below", format!("as {first}"));
        }
        self.above.push((keys, path.to_owned()));
        for (place, key) in keys.iter().enumerate() {
            let path = format!("{path}/{}", key.name);
            self.fact(&path, "place", place);
            self.key(&path, key);
        }
        self.above.pop();
    }

    fn key(&mut self, path: &str, key: &KeySchema) {
        self.fact(path, "kind", key.kind);
        if let Some(subtype) = key.subtype {
            self.fact(path, "subtype", subtype);
        }
        if key.required {
            self.fact(path, "required", true);
        }
        for (place, value) in key.values.iter().enumerate() {
            self.fact(path, &format!("value {place}"), value);
        }
        self.bounds(path, "range", key.range);
        self.bounds(path, "count", key.count);
        if let Some(format) = &key.format {
            self.fact(path, "format", format.pattern);
        }
        if let Some(default) = key.default {
            self.fact(path, "default", default);
        }
        self.systems(path, &key.support);
        if !key.keys.is_empty() {
            self.keys(path, key.keys);
        }
    }

    fn bounds(&mut self, path: &str, name: &str, bounds: Option<Bounds>) {
        let Some(Bounds { min, max }) = bounds else { return };
        for (end, value) in [("min", min), ("max", max)] {
            if let Some(value) = value {
                self.fact(path, &format!("{name} {end}"), format!("{value:?}"));
            }
        }
    }

    fn systems(&mut self, path: &str, systems: &Systems) {
        for (platform, support) in systems.iter() {
            self.fact(path, &platform.to_string(), "named");
            for (name, value) in facts(*support) {
                if let Some(value) = value {
                    self.fact(path, &format!("{platform} {name}"), value);
                }
            }
        }
    }
}

/// Each fact by Apple's name.
fn facts(support: Support) -> [(&'static str, Option<String>); 14] {
    let Support {
        introduced,
        deprecated,
        removed,
        multiple,
        supervised,
        manual_install,
        device_channel,
        user_channel,
        requires_dep,
        user_approved_mdm,
        user_enrolment,
        shared_ipad,
        shared_ipad_device_channel,
        shared_ipad_user_channel,
    } = support;
    let text = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    [
        ("introduced", introduced.map(|version| version.to_string())),
        ("deprecated", deprecated.map(|version| version.to_string())),
        ("removed", removed.map(|version| version.to_string())),
        ("multiple", text(multiple)),
        ("supervised", text(supervised)),
        ("allowmanualinstall", text(manual_install)),
        ("devicechannel", text(device_channel)),
        ("userchannel", text(user_channel)),
        ("requiresdep", text(requires_dep)),
        ("userapprovedmdm", text(user_approved_mdm)),
        ("userenrollment mode", user_enrolment.map(|mode| mode.to_string())),
        ("sharedipad mode", shared_ipad.map(|mode| mode.to_string())),
        ("sharedipad devicechannel", text(shared_ipad_device_channel)),
        ("sharedipad userchannel", text(shared_ipad_user_channel)),
    ]
}
