//! A folder of signed files, and a table (CSV) that says which device has which.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::{Entries, LARGEST, Offered, Unread, is_inside, manifest};
use crate::file::open_regular;

/// Reads a folder: by the manifest of the batch that made it, or by a table with the columns `file` and that of the
/// device, which is `udid`, else `serial`, else `device`, unless it is named.
///
/// # Errors
/// Where there is neither manifest nor table, or the table lacks a column.
pub fn list(folder: &Path, table: Option<&Path>, device: Option<&str>) -> Result<Entries, Unread> {
    let Some(table) = table else {
        let problem = "holds no manifest.jsonl: name a table of its devices";
        let missing = || Unread { from: folder.display().to_string(), problem: problem.into() };
        return super::manifest(&manifest::of_folder(folder).ok_or_else(missing)?);
    };
    let name = table.display().to_string();
    let wrong = |problem: String| Unread { from: name.clone(), problem };
    let mut rows = csv::Reader::from_path(table).map_err(|cause| wrong(cause.to_string()))?;
    let header = rows.headers().map_err(|cause| wrong(cause.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name);
    let file = column("file").ok_or_else(|| wrong("has no column \"file\"".into()))?;
    let device = match device {
        Some(name) => column(name).ok_or_else(|| wrong(format!("has no column {name:?}"))),
        None => ["udid", "serial", "device"]
            .into_iter()
            .find_map(column)
            .ok_or_else(|| wrong("has none of the columns udid, serial, device".into())),
    }?;
    let folder = folder.to_owned();
    let entry = move |row: csv::Result<csv::StringRecord>| match row {
        Err(cause) => Err(Unread { from: name.clone(), problem: cause.to_string() }),
        Ok(row) => {
            let line = row.position().map_or(0, csv::Position::line);
            let from = format!("{name}, line {line}");
            offered(&folder, row.get(device).unwrap_or_default(), row.get(file).unwrap_or_default(), from)
        }
    };
    Ok(Box::new(rows.into_records().map(entry)))
}

fn offered(folder: &Path, device: &str, file: &str, from: String) -> Result<Offered, Unread> {
    let wrong = |problem: String| Unread { from: from.clone(), problem };
    let device = device.trim().parse().map_err(|_| wrong("its device is no device id".into()))?;
    if !is_inside(file) {
        return Err(wrong(format!("{file:?} leads out of the folder")));
    }
    let path: PathBuf = folder.join(file);
    let mut signed = Vec::new();
    let read = open_regular(&path).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut signed));
    match read {
        Err(cause) => Err(wrong(format!("{file} cannot be read: {cause}"))),
        Ok(count) if count as u64 > LARGEST => Err(wrong(format!("{file} is larger than {} MiB", LARGEST >> 20))),
        Ok(_) => Ok(Offered { device, signed, from }),
    }
}
