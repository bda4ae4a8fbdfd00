//! A property list, read from bytes and written to them.

use plist::{Dictionary, Value};

use crate::{Error, Form, KeyPath, Place, Result};

/// A property list and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The root value.
    pub value: Value,
    /// XML or binary.
    pub form: Form,
}

impl Document {
    /// The root, which must be a dictionary.
    ///
    /// # Errors
    /// [`Error::NotAProfile`].
    pub fn into_dictionary(self) -> Result<Dictionary> {
        let Value::Dictionary(dictionary) = self.value else {
            return Err(Error::NotAProfile {
                place: Place::whole(),
                problem: "the root of the property list is not a dictionary".into(),
            });
        };
        Ok(dictionary)
    }
}

/// Reads a property list, XML or binary, told apart by its first bytes.
///
/// # Errors
/// [`Error::Malformed`], with the place.
pub fn read(bytes: &[u8]) -> Result<Document> {
    let form = if bytes.starts_with(b"bplist") { Form::BinaryPlist } else { Form::XmlPlist };
    let value = Value::from_reader(std::io::Cursor::new(bytes)).map_err(|cause| Error::Malformed {
        form,
        place: Place::whole(),
        problem: "not a property list".into(),
        source: Some(cause.into()),
    })?;
    Ok(Document { value, form })
}

/// Writes XML.
///
/// # Errors
/// [`Error::Unwritable`].
pub fn to_xml(dictionary: &Dictionary) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    plist::to_writer_xml(&mut bytes, dictionary).map_err(|cause| unwritable(&cause))?;
    Ok(bytes)
}

/// Writes a binary property list, version 00.
///
/// # Errors
/// [`Error::Unwritable`].
pub fn to_binary(dictionary: &Dictionary) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    plist::to_writer_binary(&mut bytes, dictionary).map_err(|cause| unwritable(&cause))?;
    Ok(bytes)
}

fn unwritable(cause: &plist::Error) -> Error {
    Error::Unwritable { place: Place::path(KeyPath::root()), problem: cause.to_string() }
}
