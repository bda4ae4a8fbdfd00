//! The verb `new`.

use profile_kit::{UuidSource, spec, template::Values};

use super::{
    files::{Content, Output},
    outcome::{Exit, Failure},
};

/// Write a commented example of a spec: a locked IVI MDM profile that builds as it is.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit new --identifier jp.example.ivi-mdm -o spec.toml")]
pub struct Args {
    /// The PayloadIdentifier: choose it once, an overwrite works only with the same one.
    #[arg(long, value_name = "ID", default_value = "jp.example.ivi-mdm")]
    identifier: String,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let text = example(&args.identifier);
    let built = spec::read(&text).and_then(|spec| spec.fill(&Values::new(), UuidSource::Content)?.to_xml());
    built.map_err(|error| Failure::of("--identifier", &error))?;
    args.output.write(text.as_bytes(), Content::Text)?;
    Ok(Exit::Yes)
}

/// The example with an identifier in its place.
pub fn example(identifier: &str) -> String {
    EXAMPLE.replacen("\"jp.example.ivi-mdm\"", &toml::Value::String(identifier.into()).to_string(), 1)
}

const EXAMPLE: &str = include_str!("example.toml");
