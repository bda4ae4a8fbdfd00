//! Who has to do what: the steps and warnings of the inactivation procedure, and what stands beside it.

use serde::Serialize;
use utoipa::ToSchema;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Who works with the admin console (管理画面).
    Operator,
    /// Who has the device in hand.
    Owner,
    /// The MDM core: whoever calls this daemon.
    MdmCore,
    /// Who looks after this daemon and its keys.
    SignerKeeper,
}

impl Who {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Owner => "owner",
            Self::MdmCore => "mdm-core",
            Self::SignerKeeper => "signer-keeper",
        }
    }
}

/// Something that has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Action {
    /// A word for it.
    pub action: &'static str,
    /// Who does it.
    pub who: Who,
    /// The steps of the procedure that it is; none where the procedure does not have it.
    pub steps: &'static [&'static str],
    /// What to do.
    pub sentence: &'static str,
}

/// A warning of the procedure that holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// `W1` to `W4`.
    pub warning: &'static str,
    /// What it warns of.
    pub sentence: &'static str,
    /// The keys of the profile for which it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What to do where it came true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Action>,
}

macro_rules! actions {
    ($($name:ident $action:literal $who:ident [$($step:literal)*] $sentence:literal)+) => {
        $(pub(super) const $name: Action =
            Action { action: $action, who: Who::$who, steps: &[$($step),*], sentence: $sentence };)+

        /// Every action, each once.
        pub const ACTIONS: &[Action] = &[$($name),+];
    };
}

actions! {
    INACTIVATE "inactivate" Operator ["S1.1" "S1.2" "S1.3" "S1.4" "S1.5" "S1.6" "S1.7" "S1.8"]
        "inactivate the device in the console, not forced (強制インアクティベーション: しない)"
    ASK_OVERWRITE "ask-overwrite" MdmCore ["S1.9"]
        "ask for the overwrite: POST /v1/devices/{device}/profiles/{identifier}/overwrite, with the device's target"
    ASK_OMITTED "ask-omitted" MdmCore ["S1.9"]
        "ask for the overwrite again with the device's target, or with removal_password \"omitted\""
    ASK_FOR_MDM "ask-for-mdm" MdmCore ["S1.9"]
        "ask for the overwrite with removal_password \"omitted\": by its form, as by hand it would not free the device"
    FETCH "fetch-overwrite" MdmCore ["S1.9"]
        "take the overwrite that was issued once more: GET /v1/issuances/{issuance}/profile"
    INSTALL "install-overwrite" Owner ["S2.1" "S2.2" "S2.3" "S2.4"]
        "tap the notification or open the client app, and install the removal profile (削除用プロファイル) to the end"
    SEND_OVERWRITE "send-overwrite" MdmCore []
        "send the overwrite with the MDM's InstallProfile: by hand the device does not take it"
    DELETE_MDM "delete-mdm-profile" Owner ["S2.5" "S2.6"] "delete the Apple MDM profile first"
    DELETE_IVI "delete-profile" Owner ["S2.7" "S2.8"] "delete this profile; none is left then"
    DELETE_APP "delete-app" Owner ["S3.1" "S3.2" "S3.3"] "delete the client app, and not before no profile is left"
    CLOSE "close" Operator ["S4.1" "S4.2" "S4.3" "S4.4" "S4.5" "S4.6" "S4.7" "S4.8"]
        "see that the inactivation succeeded (成功), and delete the device's record"
    ENROL "enrol-again" Owner ["W3"] "enrol the device again"
    ACTIVATE "activate" Operator ["W3"] "put the device back into the active state (有効), then begin from the start"
    REPORT_LIST "report-profile-list" MdmCore []
        "ask the device for its ProfileList and hand it in: POST /v1/devices/{device}/profile-list"
    HAND_IN "hand-in" MdmCore []
        "hand in the signed profile that the device has: POST /v1/devices/{device}/installed"
    NAME_ISSUANCE "name-issuance" MdmCore []
        "name the issuance that is installed when the overwrite is asked for, if that is known"
    NAME_TARGET "name-target" MdmCore [] "ask again with the device's platform, os and supervised: they decide"
    BRING_KEY "bring-key" SignerKeeper []
        "add the identity that signed the profile to the keyring, as overwrite-only"
    STRIP "strip-overwrite" SignerKeeper []
        "make the overwrite without the payloads that cannot be read: profile-kit overwrite --strip, with the key that signed the profile"
    ENTER_PASSWORD "enter-password" Owner [] "delete the profile with its removal password"
    WAIT "wait" Owner [] "wait until the profile removes itself at its date"
    REMOVE_BY_MDM "remove-by-mdm" MdmCore []
        "send RemoveProfile, as long as the MDM reaches the device and the device is supervised (the procedure has no such step)"
    WIPE "wipe" Owner [] "wipe the device (初期化): no other way is left"
}

/// What is left once the overwrite is in its place.
pub(super) const AFTER: &[Action] = &[DELETE_MDM, DELETE_IVI, DELETE_APP, CLOSE];
/// The procedure from its start.
pub(super) const FROM_START: &[Action] =
    &[INACTIVATE, ASK_OVERWRITE, INSTALL, DELETE_MDM, DELETE_IVI, DELETE_APP, CLOSE];
/// The way of W3.
pub(super) const AGAIN: &[Action] =
    &[ENROL, ACTIVATE, INACTIVATE, ASK_OVERWRITE, INSTALL, DELETE_MDM, DELETE_IVI, DELETE_APP, CLOSE];

/// A forced inactivation, while no overwrite is in its place.
pub(super) fn w1() -> Warning {
    let then = vec![ASK_OVERWRITE, INSTALL];
    let sentence = "a forced inactivation lets go of the device without a removal profile ever being offered to it: \
                    afterwards only the record and the key that are here can still free it";
    Warning { warning: "W1", sentence, keys: Vec::new(), then }
}

/// The install page is not reached.
pub(super) fn w2(keys: Vec<String>) -> Warning {
    let sentence = "where the device does not get to the install page: if Safari stops on the way, see the support FAQ; \
                    if Settings does not go on, enrol the device again and inactivate it again";
    Warning { warning: "W2", sentence, keys, then: AGAIN.to_vec() }
}

/// No delete button.
pub(super) fn w3() -> Warning {
    let sentence = "if the delete button does not show, the inactivation was not run, or the install of the removal \
                    profile was cancelled or never done: enrol again, and the procedure from its start";
    Warning { warning: "W3", sentence, keys: Vec::new(), then: AGAIN.to_vec() }
}

/// The client app goes last.
pub(super) fn w4(keys: Vec<String>) -> Warning {
    let sentence = "the profile restricts the App Store: if the client app is deleted before no profile is left, it does \
                    not come back, and the device has to be wiped";
    Warning { warning: "W4", sentence, keys, then: Vec::new() }
}
