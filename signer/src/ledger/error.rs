//! Why the ledger did not do what it was asked.

use std::{error::Error as StdError, fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    Refusal,
    audit::Fault,
    device_id::DeviceId,
    issuance::{Basis, IssuanceId, TicketId},
    log::chain,
    refusal::Denied,
};

/// What the ledger's fallible functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause beneath an [`Error`], of whatever library it comes from. Many requests share one failed commit.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// Why the ledger did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the ledger cannot be opened or made.
    #[error("ledger {}: {problem}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What was tried, or what is wrong with it.
        problem: &'static str,
        /// What the system or SQLite said.
        #[source]
        source: Option<Cause>,
    },
    /// SQLite does not work as the ledger's promise of durability needs it.
    #[error("ledger: SQLite's {name} is {found}, and has to be {wanted}")]
    Setting {
        /// The pragma.
        name: &'static str,
        /// What the ledger asked for.
        wanted: String,
        /// What SQLite says that it is.
        found: String,
    },
    /// A newer program wrote the ledger.
    #[error("the ledger has format {found}, this program knows formats up to {known}: use a newer program")]
    Newer {
        /// The ledger's.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Another process has the ledger open for writing.
    #[error("ledger {}: another process has it open", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// So many writes wait that this one was not taken.
    #[error("too many writes wait for the ledger")]
    Busy,
    /// The ledger cannot be written at present; it tries to heal by itself.
    #[error("the ledger cannot be written at present")]
    Unavailable {
        /// What happened.
        #[source]
        source: Option<Cause>,
    },
    /// A write came to its end by a mistake of ours; nothing of it is recorded.
    #[error("the ledger could not do this: a mistake in the program")]
    Panicked,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// A question to the ledger failed.
    #[error("the ledger cannot be read")]
    Read {
        /// What happened.
        #[source]
        source: Cause,
    },
    /// The audit cannot be written to where it is exported.
    #[error("the audit cannot be written out")]
    NotExported {
        /// What happened.
        #[source]
        source: Cause,
    },
    /// Something in the ledger is not what was written.
    #[error("the ledger is damaged: {what}")]
    Damaged {
        /// What.
        what: String,
    },
    /// Something was sealed with a key that was not given.
    #[error("the ledger needs the key {id}, which was not given")]
    UnknownKey {
        /// The key's name.
        id: String,
    },
    /// The audit's chain does not hold.
    #[error("the audit does not hold")]
    Audit(#[from] Fault),
    /// A caller used an idempotency key again for another request.
    #[error("the idempotency key was used for another request")]
    Conflict,
    /// There is no issuance of this name.
    #[error("no issuance {0} is known")]
    UnknownIssuance(IssuanceId),
    /// The overwrite's basis is no profile of this device and identifier.
    #[error("{} is no profile of this device and identifier", .0.uuid())]
    UnknownBasis(Basis),
    /// What the device has became known otherwise since the overwrite was made: it is to be asked for again.
    #[error("what the device has became known otherwise meanwhile")]
    Moved,
    /// The request was answered before: see [`Ledger::replay`](super::Ledger::replay).
    #[error("the request was answered before")]
    Answered,
    /// A two-person ticket does not allow this.
    #[error("ticket {id}: {refusal}")]
    Ticket {
        /// The ticket.
        id: TicketId,
        /// Why not.
        refusal: TicketRefusal,
    },
    /// The caller made as many overwrites as it may for now.
    #[error("{limit} overwrites were made in the last {} seconds, which is the caller's budget", window.as_secs())]
    BudgetSpent {
        /// How many it may make.
        limit: u64,
        /// In which time.
        window: Duration,
        /// After which time one more is allowed.
        retry_after: Duration,
    },
}

/// Why a ticket does not allow something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketRefusal {
    /// There is none of this name.
    Unknown,
    /// Its time is over.
    Expired,
    /// Nobody approved it yet.
    NotApproved,
    /// It was approved before.
    AlreadyApproved,
    /// Who made it wants to approve it.
    OwnApproval,
    /// Who approved it wants to use it.
    OwnUse,
    /// It does not name this device.
    OtherDevice(DeviceId),
    /// Who asked for it or approved it is bound to other specs.
    OtherSpec,
    /// It was used for this device.
    Used(DeviceId),
}

impl fmt::Display for TicketRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is none of this name"),
            Self::Expired => f.write_str("its time is over"),
            Self::NotApproved => f.write_str("nobody approved it yet"),
            Self::AlreadyApproved => f.write_str("it was approved before"),
            Self::OwnApproval => f.write_str("who made it may not approve it"),
            Self::OwnUse => f.write_str("who approved it may not use it"),
            Self::OtherDevice(device) => write!(f, "it does not name device {device}"),
            Self::OtherSpec => f.write_str("who asked for it or approved it is bound to other specs"),
            Self::Used(device) => write!(f, "it was used for device {device}"),
        }
    }
}

impl Error {
    /// The refusal that it is; `None` when nothing was decided because something failed.
    pub fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Self::Conflict => Refusal::IdempotencyConflict,
            Self::UnknownIssuance(_) | Self::UnknownBasis(_) => Refusal::UnknownIssuance,
            Self::BudgetSpent { retry_after, .. } => Refusal::BudgetExceeded { retry_after: *retry_after },
            Self::Ticket { refusal, .. } => match refusal {
                TicketRefusal::Unknown => Refusal::UnknownTicket,
                TicketRefusal::Expired => Refusal::TicketExpired,
                TicketRefusal::NotApproved => Refusal::TicketNotApproved,
                TicketRefusal::AlreadyApproved => Refusal::TicketAlreadyApproved,
                TicketRefusal::OwnApproval => Refusal::TicketSelfApproval,
                TicketRefusal::OwnUse => Refusal::TicketOwnUse,
                TicketRefusal::OtherDevice(_) | TicketRefusal::OtherSpec => Refusal::TicketNotForThis,
                TicketRefusal::Used(_) => Refusal::TicketUsed,
            },
            _ => return None,
        })
    }

    /// The stable code of a refusal; `None` when nothing was decided because something failed.
    pub fn code(&self) -> Option<&'static str> {
        self.refusal().map(|refusal| refusal.code())
    }

    /// What the caller is told where nothing was decided.
    fn failure(&self) -> Refusal {
        match self {
            Self::Busy => Refusal::Overloaded { retry_after: RETRY },
            Self::Closed => Refusal::Draining,
            Self::Unavailable { .. } | Self::Read { .. } => Refusal::LedgerUnavailable { retry_after: RETRY },
            _ => Refusal::Internal,
        }
    }

    pub(super) fn unavailable(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Unavailable { source: Some(Arc::new(source)) }
    }
}

/// What a write refuses it has recorded in the same transaction. What failed, the log hears.
impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        match error.refusal() {
            Some(refusal) => Self { refusal, recorded: true },
            // Nothing failed, and nothing of it is recorded.
            None if matches!(error, Error::Moved) => Refusal::InstallationChanged.into(),
            None => {
                tracing::error!(cause = chain(&error), "the ledger failed");
                error.failure().into()
            }
        }
    }
}

/// A failed statement, as a question; the writer tells its own failures apart before.
impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::Read { source: Arc::new(source) }
    }
}

/// When to try again what the ledger could not do: it heals within this time, where it can.
const RETRY: Duration = Duration::from_secs(1);
