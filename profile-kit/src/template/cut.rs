//! A template cut into what is the same for every row and the holes between, to be filled many times.

mod filled;
mod form;
mod hole;
#[cfg(test)]
mod tests;

use std::fmt;

use plist::Value;

pub use self::filled::Filled;
use self::form::Form;
use super::{Template, Values};
use crate::{Result, UuidSource, check};

/// A template that is filled many times, straight into XML: what no value changes is written once.
///
/// Gives what [`Template::fill`] and [`Profile::to_xml`](crate::Profile::to_xml) give, to the byte, and fails as they
/// do. Any number of threads may fill it at once.
///
/// ```
/// use profile_kit::{UuidSource, spec, template::Cut};
///
/// let template = spec::read(
///     "format = 1\nidentifier = \"jp.example.ivi-mdm\"\nremoval = \"disallowed\"\n[placeholders.serial]\n\
///      [[payload]]\ntype = \"com.apple.applicationaccess\"\ndisplay_name = \"Restrictions of {{serial}}\"\n",
/// )?;
/// let cut = Cut::new(template, UuidSource::Content);
/// let mut buffer = String::new();
/// for serial in ["C02EXAMPLE1", "C02EXAMPLE2"] {
///     let filled = cut.fill_row(&[Some(serial)], buffer)?;
///     assert!(filled.xml().contains(&format!("<string>Restrictions of {serial}</string>")));
///     buffer = filled.into_xml();
/// }
/// # Ok::<(), profile_kit::Error>(())
/// ```
pub struct Cut {
    template: Template,
    source: UuidSource,
    /// `None` where a value may change more than what stands in its place: such a template is filled the long way.
    form: Option<Form>,
}

impl Cut {
    /// Cuts a template; UUIDs that it lacks come from `source`.
    pub fn new(template: Template, source: UuidSource) -> Self {
        let form = Form::of(&template, source);
        Self { template, source, form }
    }

    /// The template as it was.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The names of the placeholders, in the order in which [`fill_row`](Cut::fill_row) takes their values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.template.placeholders.keys().map(String::as_str)
    }

    /// Whether rows are filled in between what was written once; else each is built and written as a whole.
    pub fn is_cut(&self) -> bool {
        self.form.is_some()
    }

    /// Fills in values by name.
    ///
    /// # Errors
    /// As [`Template::fill`] and then [`Profile::to_xml`](crate::Profile::to_xml).
    pub fn fill(&self, values: &Values) -> Result<Filled<'_>> {
        if values.keys().any(|name| !self.template.placeholders.contains_key(name)) {
            return self.fill_long(values);
        }
        let row: Vec<_> = self.names().map(|name| values.get(name).map(String::as_str)).collect();
        self.fill_row(&row, String::new())
    }

    /// Fills in values in the order of [`names`](Cut::names), `None` for the default; what is beyond the row has its
    /// default too. The XML goes into the buffer, whose content is dropped.
    ///
    /// # Errors
    /// As [`fill`](Cut::fill).
    pub fn fill_row(&self, row: &[Option<&str>], buffer: String) -> Result<Filled<'_>> {
        let filled = self.form.as_ref().and_then(|form| form.fill(&self.typed(row)?, buffer));
        filled.map_or_else(|| self.fill_long(&self.named(row)), Ok)
    }

    /// The values in their types; `None` where one is wrong.
    fn typed(&self, row: &[Option<&str>]) -> Option<Vec<Value>> {
        let given = row.iter().copied().chain(std::iter::repeat(None));
        let placeholders = self.template.placeholders.iter().zip(given);
        placeholders.map(|((name, placeholder), given)| placeholder.value(name, given).ok()).collect()
    }

    fn named(&self, row: &[Option<&str>]) -> Values {
        let named = self.names().zip(row).filter_map(|(name, value)| Some((name, (*value)?)));
        named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Fills in and writes everything: what a value may do to a profile, and every error, is told in one place.
    fn fill_long(&self, values: &Values) -> Result<Filled<'static>> {
        let profile = self.template.fill(values, self.source)?;
        let refusals = check::refusals(&profile);
        let xml = String::from_utf8(profile.to_xml()?).expect("XML is written in UTF-8");
        Ok(Filled::of(profile, xml, refusals))
    }
}

/// The template as it shows itself, and whether it is cut.
impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut").field("template", &self.template).field("is_cut", &self.is_cut()).finish_non_exhaustive()
    }
}
