//! What is known of devices, one statement each, by the number that the project's list gives it.

use std::fmt;

/// Declares the facts once: name, number, statement.
macro_rules! facts {
    ($($name:ident $number:literal $statement:literal)+) => {
        /// Something known of how devices treat profiles: R… of replacement, L… of removal, the rest by subject.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Fact {
            $(#[doc = $statement] $name,)+
        }

        impl Fact {
            /// All of them, in order.
            pub const ALL: &'static [Fact] = &[$(Fact::$name),+];

            /// The number or name that reports use: `R4`, `Schema`.
            pub fn number(self) -> &'static str {
                match self { $(Fact::$name => $number),+ }
            }

            /// The fact in a sentence.
            pub fn statement(self) -> &'static str {
                match self { $(Fact::$name => $statement),+ }
            }
        }
    };
}

facts! {
    R1 "R1" "The top-level PayloadIdentifier decides whether a profile replaces an installed one or is added beside it."
    R2 "R2" "The top-level PayloadUUID does not decide about replacement; a revision has a fresh one."
    R3 "R3" "Payloads with the identifier and UUID of an installed one are updated in place; others come and go."
    R4 "R4" "A replacement by hand must be signed by the leaf certificate of what it replaces, unless that is unsigned."
    R5 "R5" "Sources disagree whether the same key is enough for a replacement's signer: the very certificate is safe."
    R6 "R6" "The lock protects a profile against deletion, not against replacement."
    R7 "R7" "Older iOS may ask for a password at the overwrite: entering nothing goes on."
    R8 "R8" "An install that fails leaves what was installed as it was."
    R9 "R9" "By hand nothing replaces a managed profile; MDM replaces one installed by hand on supervised devices only."
    R10 "R10" "A profile with an MDM payload is not replaced by one without it, and its topic and URLs do not change."
    R11 "R11" "Deleting the MDM profile takes away what it manages; what was installed by hand stays."
    L1 "L1" "With PayloadRemovalDisallowed true the owner cannot delete the profile, except with its removal password."
    L2 "L2" "iOS and tvOS honour the lock on supervised devices only; older iOS honoured it on all."
    L3 "L3" "A removal password is asked for when the profile is deleted; one per profile, none with user enrolment."
    L4 "L4" "Current iOS is observed to refuse an empty removal password and to take one that is not empty for a lock."
    L5 "L5" "An overwrite has an empty removal password, or none at all: which one a device takes depends on its system."
    L6 "L6" "HasRemovalPasscode only informs."
    L7 "L7" "RemovalDate and DurationUntilRemoval remove a profile whatever the lock says; a past date is refused."
    L8 "L8" "PayloadExpirationDate removes nothing."
    L9 "L9" "A locked profile that carries an MDM payload is refused."
    Obstacles "Obstacles" "Some restrictions in the locked profile keep its overwrite from arriving, or make it ask the owner."
    Keys "Keys" "Every profile and payload has certain keys, of certain types, unique within the profile."
    Faults "Faults" "Devices answer each fault of structure with an error of its own, and ignore unknown payload types."
    Signing "Signing" "A signed profile is CMS SignedData around the property list; trust decides the badge, not the install."
    Delivery "Delivery" "A profile reaches the owner through Safari, and waits in Settings for eight minutes."
    Schema "Schema" "Apple's schema lists the keys of each payload type, and on which systems they work."
    Practice "Practice" "What tools for profiles and their users have met in the field."
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
