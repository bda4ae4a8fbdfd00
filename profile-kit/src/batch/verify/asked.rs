//! What a manifest's first line says that was asked, as far as the files themselves show it.

use crate::{
    Result,
    batch::{
        NamePattern, Out,
        manifest::{CHAIN, DEVICE, DIGEST, FAN_OUT, Head, Kind, Made, NAME, OUT},
        name,
    },
    identity::shown,
    verify::Verification,
};

/// A head whose options are such as a batch writes them.
pub(super) struct Asked<'a> {
    head: &'a Head,
    digest: &'a str,
    /// The fingerprints of the certificates in each file, in some order.
    certificates: Vec<&'a str>,
    /// How files are named, where nothing but the device names them.
    name: Option<NamePattern>,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// What is wrong with the head: an option that is missing or none, or another place than the files are in.
    pub fn new(head: &'a Head, out: &Out) -> Result<Self, String> {
        let option = |name: &str| head.options.get(name).ok_or_else(|| format!("its option {name} is missing"));
        let kind = option(OUT)?;
        match out {
            // An archive may have been unpacked, and folders may have been brought together.
            Out::Directory(_) if Out::KINDS.contains(&kind.as_str()) => {}
            Out::Directory(_) => return Err(format!("its option {OUT} is none that there is")),
            archive if archive.kind() == kind => {}
            archive => return Err(format!("its option {OUT} is {kind}, and its files are in a {}", archive.kind())),
        }
        let name = match head.made {
            Kind::Profiles if head.spec.is_none() => return Err("names no spec".into()),
            Kind::Profiles => named(option(DEVICE)?, option(NAME)?)?,
            Kind::Overwrites => None,
        };
        let chain = head.options.get(CHAIN).into_iter().flat_map(|chain| chain.split(','));
        let mut certificates: Vec<&str> = chain.chain([head.leaf.as_str()]).collect();
        certificates.sort_unstable();
        Ok(Self { head, digest: option(DIGEST)?, certificates, name })
    }

    /// What cannot be asked of it.
    pub fn doubt(&self) -> Option<&'static str> {
        let is_told = self.head.made == Kind::Overwrites || self.name.is_some();
        (!is_told).then_some(NAMED_OTHERWISE)
    }

    /// # Errors
    /// That a line is of something else, or its file is not how its device's is named.
    pub fn line(&self, made: &Made) -> Result<(), String> {
        match (self.head.made, &made.installed) {
            (Kind::Profiles, None) if !self.names(made) => {
                Err(format!("is not how the file of device {:?} is named", made.device))
            }
            (Kind::Profiles, Some(_)) => Err("is an overwrite, and the manifest says that profiles were made".into()),
            (Kind::Overwrites, None) => Err("is no overwrite, and the manifest says that overwrites were made".into()),
            (Kind::Profiles, None) | (Kind::Overwrites, Some(_)) => Ok(()),
        }
    }

    fn names(&self, made: &Made) -> bool {
        let (folder, file) =
            made.file.split_once('/').map_or((None, &*made.file), |(folder, file)| (Some(folder), file));
        let wanted = self.head.options.contains_key(FAN_OUT).then(|| name::folder(file));
        let is_named = |pattern: &NamePattern| pattern.name(|_| Some(&made.device)).is_ok_and(|wanted| wanted == file);
        folder == wanted.as_deref() && self.name.as_ref().is_none_or(is_named)
    }

    /// # Errors
    /// What is wrong with a signature, or is otherwise than it was asked.
    pub fn signature(&self, found: &Verification) -> Result<(), String> {
        let verdict = found.verdict();
        if !verdict.is_good() {
            return Err(format!("{verdict}: {}", found.problem().unwrap_or_default()));
        }
        let [signer] = found.signers.as_slice() else {
            return Err("has more than one signer".into());
        };
        let leaf = signer.certificate.as_ref().map(crate::Certificate::fingerprint);
        if leaf.as_ref() != Some(&self.head.leaf) {
            return Err("is signed by another certificate than the manifest says".into());
        }
        if signer.signing_time.map(shown).as_ref() != Some(&self.head.signing_time) {
            return Err("is signed at another time than the manifest says".into());
        }
        if signer.digest != self.digest {
            return Err(format!("is signed with {}, and the manifest says {}", signer.digest, self.digest));
        }
        let mut certificates: Vec<String> = found.certificates.iter().map(crate::Certificate::fingerprint).collect();
        certificates.sort_unstable();
        match certificates == self.certificates {
            true => Ok(()),
            false => Err("has other certificates in it than the manifest says".into()),
        }
    }
}

/// The pattern of the names; `None` where it has a column that only the table has.
fn named(device: &str, name: &str) -> Result<Option<NamePattern>, String> {
    let of_device = NamePattern::of_column(device);
    if name == of_device.to_string() {
        return Ok(Some(of_device));
    }
    let pattern = NamePattern::new(name).map_err(|problem| format!("its option {NAME} is none: {problem}"))?;
    let is_of_device = pattern.columns().all(|column| column == device);
    Ok(is_of_device.then_some(pattern))
}

const NAMED_OTHERWISE: &str =
    "the files are named by more than their device, which only the table tells: whose each is was not compared";
