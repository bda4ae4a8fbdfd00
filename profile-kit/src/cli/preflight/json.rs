//! What preflight says to machines.

use profile_kit::{
    InstalledBy,
    policy::Choice,
    preflight::{Case, Devices, FormOutlook, InForce, Outlook, OutlookRow, Reason, Report, Row},
};
use serde_json::{Value, json};

use super::told::form_word;
use crate::cli::text;

/// Who installed the profile, and who installs the overwrite.
type Ways = (InstalledBy, InstalledBy);

/// What became of a question.
pub fn report((installed, overwrite): (&str, &str), ways: Ways, devices: &Devices, report: &Report) -> Value {
    json!({
        "file": overwrite,
        "installed": installed,
        "verdict": report.verdict.word(),
        "installed_by": way(ways.0),
        "overwrite_by": way(ways.1),
        "policies": policies(devices),
        "signer": report.signer.iter().map(|(policy, taken)| (policy.to_string(), json!(taken))).collect::<serde_json::Map<_, _>>(),
        "devices": report.rows.iter().map(row).collect::<Vec<_>>(),
        "until_overwrite": report.until_overwrite.iter().map(in_force).collect::<Vec<_>>(),
        "until_deletion": report.until_deletion.iter().map(in_force).collect::<Vec<_>>(),
    })
}

/// What was fixed, and the base of what was open.
fn policies(devices: &Devices) -> Value {
    let one = |choice: Choice| {
        let fixed = devices.fixed.contains(&choice.policy);
        (choice.policy.to_string(), json!({"value": choice.value, "fixed": fixed}))
    };
    devices.policies.choices().map(one).collect::<serde_json::Map<_, _>>().into()
}

fn row(row: &Row) -> Value {
    json!({
        "platform": row.os.platform.to_string(),
        "os": row.os.version.to_string(),
        "supervised": row.supervised,
        "verdict": row.verdict.word(),
        "cases": row.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(case: &Case) -> Value {
    let words = |choices: &[Choice]| choices.iter().map(ToString::to_string).collect::<Vec<_>>();
    let reason = |reason: &Reason| {
        json!({
            "step": reason.step.word(),
            "code": reason.word,
            "message": reason.sentence,
            "domain": reason.error.map(|error| error.domain.to_string()),
            "number": reason.error.map(|error| error.number),
            "facts": reason.facts.iter().map(|fact| fact.number()).collect::<Vec<_>>(),
            "policies": words(&reason.policies),
        })
    };
    json!({
        "outcome": case.outcome.word(),
        "choices": words(&case.choices),
        "free_before": case.free_before,
        "replaces": case.replaces,
        "free_after": case.free_after,
        "prompts": case.prompts.iter().map(|prompt| prompt.word()).collect::<Vec<_>>(),
        "reasons": case.reasons.iter().map(reason).collect::<Vec<_>>(),
        "facts": case.grounds.facts.iter().map(|fact| fact.number()).collect::<Vec<_>>(),
        "policies": words(&case.grounds.policies),
    })
}

fn in_force(payload: &InForce) -> Value {
    json!({"type": payload.kind, "keys": payload.keys})
}

/// What can be done about an installed profile.
pub fn outlook(installed: &str, ways: Ways, devices: &Devices, outlook: &Outlook) -> Value {
    let certificate = outlook.certificate.as_ref().map(|certificate| {
        json!({
            "subject": certificate.subject(),
            "sha256": certificate.fingerprint(),
            "not_after": certificate.not_after().map(text::time),
        })
    });
    let form = |form: &FormOutlook| {
        json!({
            "form": form_word(form.form),
            "strip": form.strip,
            "verdict": form.verdict.word(),
            "reasons": form.reasons,
        })
    };
    let row = |row: &OutlookRow| {
        json!({
            "platform": row.os.platform.to_string(),
            "os": row.os.version.to_string(),
            "supervised": row.supervised,
            "verdict": row.verdict.word(),
            "forms": row.forms.iter().map(form).collect::<Vec<_>>(),
        })
    };
    json!({
        "file": installed,
        "verdict": outlook.verdict.word(),
        "installed_by": way(ways.0),
        "overwrite_by": way(ways.1),
        "policies": policies(devices),
        "certificate": certificate,
        "removal_date": outlook.removal_date.map(text::time),
        "duration_until_removal": outlook.stay.map(|stay| stay.as_secs_f64()),
        "devices": outlook.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn way(by: InstalledBy) -> &'static str {
    match by {
        InstalledBy::Hand => "hand",
        InstalledBy::Mdm => "mdm",
    }
}
