//! Profiles that something else handed out, into the ledger.

use std::fmt;

use super::{Ledger, Place, Request, Writing, error::Result, evidence, issued::issue_event, rows, seal::Sealed};
use crate::{
    device_id::DeviceId,
    digest::Digest,
    issuance::{Issuance, IssuanceId, ProfileFacts, SpecRef, Variant},
    moment::millis,
};

/// A locked profile that was handed out by something else, and that a device may have.
#[derive(Clone)]
pub struct Import {
    /// The device that got it.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// The spec that it was made from, where that is known.
    pub spec: Option<SpecRef>,
    /// The signed bytes, DER.
    pub signed: Vec<u8>,
    /// Where it came from, such as the manifest's line.
    pub remarks: serde_json::Value,
}

/// What became of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is in the ledger now.
    New(IssuanceId),
    /// It was there: the same bytes for the same device.
    Known(IssuanceId),
}

/// The bytes may hold a removal password.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Import({} for {})", self.profile.identifier, self.device)
    }
}

impl Ledger {
    /// Records profiles that something else handed out, in their order and in one transaction; those that are there
    /// already stay as they are.
    ///
    /// # Errors
    ///
    /// When it is not durable: then none of them is recorded.
    pub async fn import(&self, request: &Request, imports: Vec<Import>) -> Result<Vec<Imported>> {
        let seal = |import: Import| {
            let id = self.next_id(request.at);
            (id, self.shared.keys.seal(&Place::Profile(id.0), &import.signed), import)
        };
        let sealed: Vec<_> = imports.into_iter().map(seal).collect();
        let asked = request.clone();
        let work = move |writing: &mut Writing<'_>| {
            sealed.iter().map(|(id, sealed, one)| import(writing, &asked, *id, sealed, one)).collect()
        };
        self.write(request.event("import"), request.at, work).await
    }
}

fn import(
    writing: &mut Writing<'_>,
    request: &Request,
    id: IssuanceId,
    sealed: &Sealed,
    Import { device, profile, spec, signed, remarks }: &Import,
) -> Result<Imported> {
    let digest = Digest::of(signed);
    if let Some(known) = rows::issuance_of_bytes(writing.db, device, &profile.identifier, digest)? {
        return Ok(Imported::Known(known.id));
    }
    let issuance = Issuance {
        seq: 0,
        id,
        device: device.clone(),
        profile: profile.clone(),
        variant: Variant::Locked,
        spec: spec.clone(),
        parameters: None,
        signed: digest,
        request: request.facts(),
        imported: true,
        remarks: remarks.clone(),
        acknowledgement: None,
        acknowledged_at: None,
    };
    let seq = writing.append(millis(request.at), &issue_event(request, &issuance, None))?;
    rows::insert_issuance(writing.db, seq, &issuance)?;
    rows::insert_sealed(writing.db, seq, sealed)?;
    evidence::refresh_after_issuance(writing.db, seq, &issuance)?;
    Ok(Imported::New(id))
}
