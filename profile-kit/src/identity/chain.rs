//! The certificates between a leaf and its root, found and put in order.

use crate::Certificate;

/// A chain from the leaf towards its root, the root left out.
pub(super) struct Chain {
    /// The leaf first; each one is issued by the next.
    pub certificates: Vec<Certificate>,
    /// Whether the root that the last one leads to was among the candidates, or the leaf is its own root.
    pub is_complete: bool,
}

/// Follows issuer names and signatures from the leaf through the candidates, whatever their order.
///
/// Where several may follow, the one that ends last does. Candidates that do not belong to the chain are left out; so are
/// those beyond as many as real files have many times over, as each costs the check of a signature.
pub(super) fn order(leaf: &Certificate, candidates: &[Certificate]) -> Chain {
    let mut certificates = vec![leaf.clone()];
    let mut last = leaf;
    let mut checks = MOST_CHECKS;
    if leaf.is_self_signed() {
        return Chain { certificates, is_complete: true };
    }
    loop {
        let mut issued = |candidate: &&Certificate| {
            let asks = checks > 0 && last.names_as_issuer(candidate);
            checks -= usize::from(asks);
            asks && last.is_issued_by(candidate)
        };
        let issuers = candidates.iter().filter(|candidate| issued(candidate));
        let (roots, intermediates): (Vec<_>, Vec<_>) = issuers.partition(|issuer| issuer.is_self_signed());
        let new = intermediates.into_iter().filter(|issuer| !certificates.contains(issuer));
        let Some(next) = new.max_by_key(|issuer| issuer.not_after()) else {
            return Chain { certificates, is_complete: !roots.is_empty() };
        };
        certificates.push(next.clone());
        last = next;
    }
}

/// Of signatures.
const MOST_CHECKS: usize = 256;
