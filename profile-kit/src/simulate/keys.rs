//! The identities of a scenario, by the names that it gives them.

use std::{collections::BTreeMap, time::SystemTime};

use crate::{
    Certificate, Error, Identity, IdentityFault, Result,
    pki::{Authority, Issued, KeySpec, Leaf, Validity},
};

/// Who signs in a scenario.
#[derive(Clone, Default)]
pub struct Keys {
    named: BTreeMap<String, Identity>,
}

/// What a scenario says of an identity.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyWish {
    /// The identity whose key it has, with a certificate of its own.
    pub key_of: Option<String>,
    /// The name of the CA above it.
    pub issuer: Option<String>,
    /// How many days its certificate is valid.
    pub days: Option<u32>,
}

impl Keys {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an identity for a name of the scenario.
    pub fn insert(&mut self, name: &str, identity: Identity) {
        self.named.insert(name.to_owned(), identity);
    }

    pub(super) fn make(wishes: &BTreeMap<String, KeyWish>, start: SystemTime) -> Result<Self> {
        let mut made = Made { start, authorities: BTreeMap::new(), issued: BTreeMap::new() };
        let (own, borrowed): (Vec<_>, Vec<_>) = wishes.iter().partition(|(_, wish)| wish.key_of.is_none());
        for (name, wish) in own.into_iter().chain(borrowed) {
            made.issue(name, wish)?;
        }
        let named = made.issued.into_iter().map(|(name, issued)| Ok((name, issued.identity()?)));
        Ok(Self { named: named.collect::<Result<_>>()? })
    }

    pub(super) fn find(&self, name: &str) -> Result<&Identity> {
        self.named.get(name).ok_or_else(|| {
            let problem = format!("no identity {name:?} was given");
            Error::Identity { fault: IdentityFault::Unknown, problem, source: None }
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Identity)> {
        self.named.iter()
    }

    /// A sentence with names in the place of certificates' digests: those differ from run to run.
    pub(super) fn with_names(&self, sentence: &str) -> String {
        self.named.iter().fold(sentence.to_owned(), |sentence, (name, identity)| {
            sentence.replace(&format!("sha256:{}", identity.certificate().fingerprint()), &format!("{name:?}"))
        })
    }

    /// The name of the identity with a leaf certificate.
    pub(super) fn name_of(&self, leaf: &Certificate) -> Option<&str> {
        self.named.iter().find(|(_, identity)| identity.certificate() == leaf).map(|(name, _)| name.as_str())
    }
}

/// The names; an identity shows no key.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.named.keys()).finish()
    }
}

struct Made {
    start: SystemTime,
    authorities: BTreeMap<String, Authority>,
    issued: BTreeMap<String, Issued>,
}

impl Made {
    fn issue(&mut self, name: &str, wish: &KeyWish) -> Result<()> {
        let validity = Validity::days(self.start, wish.days.unwrap_or(YEARS));
        let leaf = Leaf::new(name, KeySpec::P256, validity);
        let key_of = wish.key_of.as_ref().and_then(|other| self.issued.get(other)).cloned();
        let authority = self.authority(wish.issuer.as_deref().unwrap_or("Issuing CA"))?;
        let issued = match key_of {
            Some(other) => authority.reissue(&leaf, &other)?,
            None => authority.issue(&leaf)?,
        };
        self.issued.insert(name.to_owned(), issued);
        Ok(())
    }

    fn authority(&mut self, name: &str) -> Result<&Authority> {
        if !self.authorities.contains_key(name) {
            let validity = Validity::days(self.start, YEARS);
            let root = Authority::new(&format!("{name}'s root"), KeySpec::P256, validity)?;
            self.authorities.insert(name.to_owned(), root.intermediate(name, KeySpec::P256, validity)?);
        }
        Ok(&self.authorities[name])
    }
}

/// Ten, in days.
const YEARS: u32 = 3_652;
