//! What preflight says to people: a verdict, a table, and why.

use std::{collections::BTreeSet, fmt::Write as _, time::SystemTime};

use profile_kit::{
    Certificate, Os, PasswordForm,
    preflight::{Case, FormOutlook, InForce, Outlook, OutlookRow, Report, Row, Step, Verdict},
};

use crate::cli::text;

/// What became of a question, `asked` in words.
pub fn report((installed, overwrite): (&str, &str), asked: &str, report: &Report) -> String {
    let (bold, (old, new)) = (text::bold(), (text::escape(installed), text::escape(overwrite)));
    let mut told = format!("{new} over {old}: {bold}{}{bold:#}\n", report.verdict);
    line(&mut told, "asked", asked);
    line(&mut told, "signer", &signer(report));
    let rows = rows(&report.rows);
    table(&mut told, &rows);
    for reason in reasons(&report.rows) {
        line(&mut told, "because", &reason);
    }
    for prompt in prompts(&report.rows) {
        line(&mut told, "on the way", prompt);
    }
    if report.until_overwrite != report.until_deletion {
        line(&mut told, "in force until the overwrite", &in_force(&report.until_overwrite));
    }
    line(&mut told, "in force until the owner deletes it", &in_force(&report.until_deletion));
    told
}

/// One line of the table: the devices, what is done with the overwrite, what the owner can do then, the verdict, and the
/// policies on which that rests.
type Cells = [String; 6];

/// Devices that do the same stand in one line as far as they follow each other.
fn rows(rows: &[Row]) -> Vec<Cells> {
    let mut lines: Vec<Cells> =
        vec![["devices", "before", "the overwrite", "the owner then", "verdict", "where"].map(Into::into)];
    let mut rest = rows;
    while let Some((first, _)) = rest.split_first() {
        let told = cells(first);
        let alike = |row: &&Row| row.supervised == first.supervised && cells(row) == told;
        let count = rest.iter().take_while(alike).count();
        let kind = kind(first.os, rest[count - 1].os, first.supervised);
        for [before, installs, then, verdict, policies] in told {
            lines.push([kind.clone(), before, installs, then, verdict, policies]);
        }
        rest = &rest[count..];
    }
    lines
}

fn kind(first: Os, last: Os, supervised: bool) -> String {
    let supervised = if supervised { "supervised" } else { "not supervised" };
    match first == last {
        true => format!("{first} {supervised}"),
        false => format!("{first} to {} {supervised}", last.version),
    }
}

/// What the cases of a device come to, those that come to the same together.
fn cells(row: &Row) -> Vec<[String; 5]> {
    let all: Vec<([String; 4], &Case)> = row.cases.iter().map(|case| (case_cells(case), case)).collect();
    let mut kinds: Vec<[String; 4]> = all.iter().map(|(cells, _)| cells.clone()).collect();
    kinds.sort();
    kinds.dedup();
    let line = |kind: [String; 4]| {
        let own: Vec<&Case> = all.iter().filter(|(cells, _)| *cells == kind).map(|(_, case)| *case).collect();
        let policies = distinguishing(&own, &row.cases);
        let [before, installs, then, verdict] = kind;
        [before, installs, then, verdict, policies]
    };
    kinds.into_iter().map(line).collect()
}

fn case_cells(case: &Case) -> [String; 4] {
    let before = if case.free_before { "can be deleted" } else { "locked" };
    let refusal = case.reasons.iter().find(|reason| reason.step == Step::Install);
    let installs = match (case.replaces, refusal) {
        (Some(true), _) => "replaces it".into(),
        (Some(false), _) => "is added beside it".into(),
        (None, Some(reason)) => match reason.error {
            Some(error) => format!("refused: {} ({})", reason.word, error.number),
            None => format!("refused: {}", reason.word),
        },
        (None, None) => "refused".into(),
    };
    let stays = case.reasons.iter().find(|reason| reason.step == Step::Delete);
    let then = match (case.free_after, stays) {
        (true, _) => "can delete it".into(),
        (false, Some(reason)) => format!("cannot delete it: {}", reason.word),
        (false, None) => "cannot delete it".into(),
    };
    [before.into(), installs, then, case.outcome.to_string()]
}

/// The values of policies that some cases have and others have not.
fn distinguishing(own: &[&Case], all: &[Case]) -> String {
    let values = |cases: &[&Case], policy| -> BTreeSet<String> {
        let choices = cases.iter().flat_map(|case| &case.choices);
        choices.filter(|choice| choice.policy == policy).map(|choice| choice.value.clone()).collect()
    };
    let everywhere: Vec<&Case> = all.iter().collect();
    let policies: BTreeSet<_> = own.iter().flat_map(|case| &case.choices).map(|choice| choice.policy).collect();
    let told = policies.into_iter().filter_map(|policy| {
        let (mine, theirs) = (values(own, policy), values(&everywhere, policy));
        (mine != theirs).then(|| format!("{policy}={}", mine.into_iter().collect::<Vec<_>>().join("|")))
    });
    told.collect::<Vec<_>>().join(" ")
}

fn table<const COLUMNS: usize>(told: &mut String, lines: &[[String; COLUMNS]]) {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", text::escape(cell)));
        writeln!(told, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end()).expect(TAKES_ANY);
    }
}

/// Each reason once, with what it rests on.
fn reasons(rows: &[Row]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for reason in rows.iter().flat_map(|row| &row.cases).flat_map(|case| &case.reasons) {
        let error = reason.error.map(|error| error.to_string());
        let fact = reason.facts.first().map(|fact| fact.number().to_owned());
        let grounds: Vec<String> = error.into_iter().chain(fact).collect();
        let sentence = format!("{}: {} ({})", reason.word, reason.sentence, grounds.join("; "));
        if !told.contains(&sentence) {
            told.push(sentence);
        }
    }
    told
}

/// What the owner is asked, other than what stands in the way.
fn prompts(rows: &[Row]) -> BTreeSet<&'static str> {
    let all = rows.iter().flat_map(|row| &row.cases).flat_map(|case| &case.prompts);
    all.filter(|prompt| !prompt.needs_a_password()).map(|prompt| prompt.sentence()).collect()
}

fn signer(report: &Report) -> String {
    let words = |passes| {
        let some = report.signer.iter().filter(|(_, taken)| *taken == passes).map(|(policy, _)| policy.to_string());
        some.collect::<Vec<_>>().join(", ")
    };
    match (words(true), words(false)) {
        (taken, refused) if refused.is_empty() => format!("accepted under every policy: {taken}"),
        (taken, refused) if taken.is_empty() => format!("refused under every policy: {refused}"),
        (taken, refused) => format!("accepted under {taken}; refused under {refused}"),
    }
}

fn in_force(payloads: &[InForce]) -> String {
    let told = payloads.iter().map(|payload| match (&payload.kind, payload.keys.as_slice()) {
        (None, _) => "payloads that are encrypted".into(),
        (Some(kind), []) => format!("{kind} without settings"),
        (Some(kind), keys) if keys.len() > MOST_KEYS => {
            format!("{kind} ({}, and {} more)", keys[..MOST_KEYS].join(", "), keys.len() - MOST_KEYS)
        }
        (Some(kind), keys) => format!("{kind} ({})", keys.join(", ")),
    });
    let told: Vec<String> = told.collect();
    match told.len() {
        0 => "nothing".into(),
        count if count > MOST_PAYLOADS => {
            format!("{}; and {} payloads more", told[..MOST_PAYLOADS].join("; "), count - MOST_PAYLOADS)
        }
        _ => told.join("; "),
    }
}

fn line(told: &mut String, label: &str, value: &str) {
    writeln!(told, "  {label}: {}", text::escape(value)).expect(TAKES_ANY);
}

/// What can be done about an installed profile.
pub fn outlook(installed: &str, asked: &str, outlook: &Outlook) -> String {
    let bold = text::bold();
    let can = match outlook.verdict {
        Verdict::AlreadyFree => "needs no overwrite",
        Verdict::Frees => "an overwrite can free it",
        Verdict::FreesOnSome => "an overwrite can free it on some devices",
        Verdict::Strands if outlook.rows.iter().all(OutlookRow::goes_with_the_mdm) => {
            "no overwrite lets the owner delete it by itself: it goes with the Apple MDM profile (R11, S2.6)"
        }
        Verdict::Strands => "no overwrite can free it",
    };
    let mut told = format!("{}: {bold}{}{bold:#}: {can}\n", text::escape(installed), outlook.verdict);
    line(&mut told, "asked", asked);
    line(&mut told, "sign it with", &certificate(outlook.certificate.as_ref()));
    if let Some(end) = end(outlook) {
        line(&mut told, "removes itself", &format!("{end}, whatever its lock says (L7)"));
    }
    let mut lines = vec![["devices", "verdict", "form", "otherwise"].map(String::from)];
    let mut rest = outlook.rows.as_slice();
    while let Some((first, _)) = rest.split_first() {
        let cells = outlook_cells(first);
        let alike = |row: &&OutlookRow| row.supervised == first.supervised && outlook_cells(row) == cells;
        let count = rest.iter().take_while(alike).count();
        let [verdict, form, otherwise] = cells;
        lines.push([kind(first.os, rest[count - 1].os, first.supervised), verdict, form, otherwise]);
        rest = &rest[count..];
    }
    table(&mut told, &lines);
    told
}

/// When the installed profile goes without an overwrite.
fn end(outlook: &Outlook) -> Option<String> {
    let date = outlook.removal_date.map(|date| format!("on {}", text::time(date)));
    let stay = outlook.stay.map(|stay| format!("{} seconds after its install", stay.as_secs_f64()));
    match (date, stay) {
        (Some(date), Some(stay)) => Some(format!("{date} or {stay}, at the earlier one")),
        (date, stay) => date.or(stay),
    }
}

fn outlook_cells(row: &OutlookRow) -> [String; 3] {
    let told = |form: &FormOutlook| {
        let strip = if form.strip { " without the other payloads" } else { "" };
        let reasons = if form.reasons.is_empty() { String::new() } else { format!(": {}", form.reasons.join(", ")) };
        format!("{}{strip} {}{reasons}", form_word(form.form), form.verdict)
    };
    let best = &row.forms[0];
    let others: Vec<String> = row.forms[1..].iter().map(told).collect();
    let strip = if best.strip { ", without the other payloads" } else { "" };
    let form = match best.verdict {
        Verdict::Strands | Verdict::FreesOnSome => told(best),
        Verdict::Frees | Verdict::AlreadyFree => format!("{}{strip}", form_word(best.form)),
    };
    [row.verdict.to_string(), form, others.join("; ")]
}

fn certificate(certificate: Option<&Certificate>) -> String {
    let Some(certificate) = certificate else {
        return "any certificate, or none: what is installed is unsigned".into();
    };
    let end = match certificate.not_after() {
        None => "its end cannot be read".into(),
        Some(end) if end < SystemTime::now() => {
            format!("ended {}, which does not keep it from signing this", text::time(end))
        }
        Some(end) => format!("ends {}, and may sign this after that too", text::time(end)),
    };
    format!("{}, sha256:{}; {end}", certificate.subject(), certificate.fingerprint())
}

/// The form as `overwrite` takes it.
pub fn form_word(form: PasswordForm) -> &'static str {
    match form {
        PasswordForm::Empty => "empty",
        PasswordForm::Omitted => "omitted",
        PasswordForm::Auto => "auto",
    }
}

const TAKES_ANY: &str = "a string takes any text";
const MOST_KEYS: usize = 12;
const MOST_PAYLOADS: usize = 12;
