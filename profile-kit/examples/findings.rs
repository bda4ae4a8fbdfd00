//! Prints the page of the documentation that lists every code of a finding:
//! `cargo run -p profile-kit --example findings > docs/findings.md`.

use profile_kit::{check::Code, inspect::Broken};

fn main() {
    print!("{}", page());
}

/// The whole page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let mut subject = "";
    for &code in Code::ALL {
        if code.subject() != subject {
            subject = code.subject();
            page += &format!("\n## {subject}\n{COLUMNS}");
        }
        page += &row(code);
    }
    page += BROKEN;
    for (word, meaning) in Broken::WORDS {
        page += &format!("| `{word}` | {} |\n", cell(meaning));
    }
    page
}

fn row(code: Code) -> String {
    let errors: Vec<String> = code.device_errors().iter().map(ToString::to_string).collect();
    let mut severity = code.severity().to_string();
    if code.refused_everywhere() {
        severity += ", not signed";
    }
    let (meaning, errors, advice) = (cell(code.meaning()), errors.join(", "), cell(code.advice()));
    format!("| `{code}` | {severity} | {meaning} | {errors} | {} | {advice} |\n", code.fact())
}

/// Text that is neither HTML nor the end of a cell.
fn cell(text: &str) -> String {
    text.replace('<', "\\<").replace('|', "\\|")
}

const COLUMNS: &str = "| code | severity | what it means | device's error | fact | what to do |\n\
                       | --- | --- | --- | --- | --- | --- |\n";

const BROKEN: &str = "
## Files that cannot be checked
Of such a file there is nothing else to say, and no option allows it. Where a device has an error of its own for it, that is
named: `PayloadType` other than `Configuration` (MCProfileErrorDomain 1017), a missing `PayloadType`, `PayloadIdentifier` or
`PayloadContent` (1002), one of another type (1003).

| word | what it means |
| --- | --- |
";

const HEAD: &str = "\
<!-- Made from the code: `cargo run -p profile-kit --example findings > docs/findings.md`; a test compares. -->
# What a check has to say

Each finding has a stable code. Its severity is an *error* where a device refuses the profile or it cannot do its work, a
*warning* where it may not do what you think, a *note* where it is only worth knowing. Where the target is known
(platform, version, supervised, by hand or by MDM, enrolment) a code may matter more or less than the table says, or not
appear; what is not known of the target is not held against a profile. *Not signed*: `sign` refuses it unless the code is
allowed. Of one code and severity a hundred are told, and then how many more there are.

The fact is the number of what is known of devices: R… of replacement, L… of removal, the rest by subject. Each code has
two files in `profile-kit/tests/codes` (those about signatures: in `fixtures`): one that has it, and one that has not.
";
