//! The schemas of bodies and answers. Tests hold every answer against them.

use utoipa::{
    ToSchema,
    openapi::{
        ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema,
        schema::{AdditionalProperties, KnownFormat, SchemaFormat, SchemaType, Type},
    },
};

use crate::{
    diagnosis::{Action, DeviceOutlook, Diagnosis, Outlook, Reason, Standing, Warning, Who},
    installed::State,
    report::{AcknowledgementReport, ReportedError, Status},
};

/// Every schema by its name.
pub(super) fn all() -> Vec<(String, RefOr<Schema>)> {
    let made = [
        of::<AcknowledgementReport>(),
        of::<ReportedError>(),
        of::<Status>(),
        of::<Diagnosis>(),
        of::<Action>(),
        of::<Reason>(),
        of::<Standing>(),
        of::<Warning>(),
        of::<Who>(),
        of::<Outlook>(),
        of::<DeviceOutlook>(),
    ];
    let written = [
        ("IssueBody", issue_body()),
        ("OverwriteBody", overwrite_body()),
        ("TicketBody", ticket_body()),
        ("ApprovalBody", exactly(vec![], vec![])),
        ("Ticket", ticket()),
        ("IssuedProfile", issued_profile()),
        ("Issuance", issuance()),
        ("Acknowledgement", acknowledgement()),
        ("Observation", observation()),
        ("Candidate", candidate()),
        ("Holding", holding()),
        ("Device", device()),
        ("Devices", devices()),
        ("DeviceDiagnosis", device_diagnosis()),
        ("Reconciled", reconciled()),
        ("Observed", observed()),
        ("Taken", taken()),
        ("Readiness", readiness()),
        ("OpenApi", anything()),
    ];
    made.into_iter().chain(written.map(|(name, schema)| (name.to_owned(), Schema::from(schema).into()))).collect()
}

fn of<T: ToSchema>() -> (String, RefOr<Schema>) {
    (T::name().into_owned(), T::schema())
}

/// A schema of a type.
pub(super) fn typed(of: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(of)
}

/// Text.
pub(super) fn text() -> ObjectBuilder {
    typed(Type::String)
}

/// A UUID.
pub(super) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uuid".into())))
}

/// Bytes as they are.
pub(super) fn bytes() -> Schema {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).build().into()
}

/// The state of one device and identifier.
pub(super) fn state() -> ObjectBuilder {
    text().enum_values(Some(State::ALL.map(State::word)))
}

pub(super) fn moment() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn digest() -> ObjectBuilder {
    text().pattern(Some("^[0-9a-f]{64}$"))
}

fn flag() -> ObjectBuilder {
    typed(Type::Boolean)
}

/// Text or null.
fn nullable(of: ObjectBuilder) -> ObjectBuilder {
    of.schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn many(of: impl Into<RefOr<Schema>>) -> Schema {
    ArrayBuilder::new().items(of.into()).build().into()
}

fn named(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// An object that has these members, and none but these and those that may be there.
fn exactly(has: Members, may_have: Members) -> Object {
    let object = typed(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let object = has.iter().fold(object, |object, (name, _)| object.required(*name));
    has.into_iter().chain(may_have).fold(object, |object, (name, schema)| object.property(name, schema)).build()
}

type Members = Vec<(&'static str, RefOr<Schema>)>;

fn plain(of: ObjectBuilder) -> RefOr<Schema> {
    Schema::from(of.build()).into()
}

fn anything() -> Object {
    typed(Type::Object).build()
}

fn issue_body() -> Object {
    let parameters = typed(Type::Object).description(Some("The spec's parameters, by name."));
    exactly(vec![], vec![("parameters", plain(parameters))])
}

fn overwrite_body() -> Object {
    let form = text().enum_values(Some(["empty", "omitted", "auto"])).description(Some(FORM));
    let platform =
        text().description(Some("iOS, iPadOS, macOS, tvOS, visionOS or watchOS, in letters of either case."));
    let version = text().pattern(Some("^[0-9]+(\\.[0-9]+){0,2}$"));
    let target =
        exactly(vec![("platform", plain(platform)), ("os", plain(version))], vec![("supervised", plain(flag()))]);
    let installed =
        uuid().description(Some("The issuance or observation that is installed, where the record does not tell."));
    let members = vec![
        ("removal_password", plain(form)),
        ("target", Schema::from(target).into()),
        ("issuance", plain(installed)),
        ("ticket", plain(uuid())),
    ];
    exactly(vec![], members)
}

fn ticket_body() -> Object {
    let devices = ArrayBuilder::new().items(text()).min_items(Some(1)).max_items(Some(1000));
    let reason = text().min_length(Some(1)).max_length(Some(500));
    exactly(vec![("devices", Schema::from(devices.build()).into()), ("reason", plain(reason))], vec![])
}

fn ticket() -> Object {
    let device = exactly(vec![("device", plain(text())), ("used_by", plain(nullable(uuid())))], vec![]);
    let specs = ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(text())
        .description(Some("The specs whose profiles it is for, where who asked or approved is bound to some."))
        .build();
    let members = vec![
        ("ticket", plain(uuid())),
        ("caller", plain(text())),
        ("reason", plain(text())),
        ("at", plain(moment())),
        ("until", plain(moment())),
        ("approved_by", plain(nullable(text()))),
        ("specs", Schema::from(specs).into()),
        ("devices", many(Schema::from(device)).into()),
    ];
    exactly(members, vec![])
}

/// What is known of an issuance from its first moment on.
fn at_issue() -> Members {
    vec![
        ("issuance", plain(uuid())),
        ("device", plain(text())),
        ("identifier", plain(text())),
        ("uuid", plain(text())),
        ("payload_uuids", many(plain(text())).into()),
        ("variant", plain(text().enum_values(Some(["locked", "overwrite"])))),
        ("spec", spec()),
        ("plist", plain(digest())),
        ("signed", plain(digest())),
        ("leaf", plain(digest())),
        ("leaf_key", plain(digest())),
        ("issued", plain(moment())),
        ("caller", plain(text())),
    ]
}

fn spec() -> RefOr<Schema> {
    let spec = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null]));
    plain(spec.property("name", text()).property("digest", digest()).required("name").required("digest"))
}

/// What only overwrites have.
fn of_overwrites() -> Members {
    let warning = exactly(vec![("code", plain(text())), ("sentence", plain(text()))], vec![]);
    vec![
        ("form", plain(text().enum_values(Some(["empty", "omitted"])))),
        ("of", plain(uuid())),
        ("evidence", plain(text())),
        ("verdict", plain(text())),
        ("reasons", many(plain(text())).into()),
        ("findings", many(plain(text())).into()),
        ("later", many(plain(uuid())).into()),
        ("warnings", many(Schema::from(warning)).into()),
    ]
}

fn issued_profile() -> Object {
    let profile = text().description(Some("The signed bytes in base64."));
    exactly([at_issue(), vec![("profile", plain(profile))]].concat(), of_overwrites())
}

fn issuance() -> Object {
    let now = vec![
        ("role", plain(text())),
        ("request", plain(nullable(text()))),
        ("imported", plain(flag())),
        ("acknowledgement", named("Acknowledgement")),
        ("acknowledged", plain(nullable(moment()))),
    ];
    // Told to those who may have the profile itself.
    let (digest, open): (Members, Members) = at_issue().into_iter().partition(|(name, _)| *name == "plist");
    // An imported one says besides where it came from.
    let whole = exactly([open, now].concat(), [digest, of_overwrites()].concat());
    ObjectBuilder::from(whole).additional_properties(None::<AdditionalProperties<Schema>>).build()
}

/// An object, or null where the device has not answered.
fn acknowledgement() -> Object {
    let link = exactly(
        vec![("domain", plain(text())), ("code", plain(typed(Type::Integer)))],
        vec![("description", plain(text()))],
    );
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property("status", text().enum_values(Some(["Acknowledged", "Error", "NotNow"])))
        .property("chain", many(Schema::from(link)))
        .required("status")
        .build()
}

/// The name of a signed profile in the record: one of both.
fn basis() -> Members {
    vec![("issuance", plain(uuid())), ("observation", plain(uuid()))]
}

fn observation() -> Object {
    let members = vec![
        ("observation", plain(uuid())),
        ("device", plain(text())),
        ("identifier", plain(text())),
        ("uuid", plain(text())),
        ("locked", plain(flag())),
        ("signed", plain(digest())),
        ("leaf", plain(digest())),
        ("reported", plain(moment())),
        ("caller", plain(text())),
    ];
    exactly(members, vec![])
}

fn candidate() -> Object {
    exactly(vec![("leaf", plain(digest())), ("locked", plain(flag()))], basis())
}

fn holding() -> Object {
    let installed =
        exactly(vec![("leaf", plain(digest())), ("leaf_key", plain(digest())), ("locked", plain(flag()))], basis());
    let sighting = exactly(
        vec![("uuid", plain(text()))],
        vec![
            ("leaf", plain(nullable(digest()))),
            ("locked", plain(ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::Null])))),
        ],
    );
    let evidence = text().enum_values(Some(["acknowledged", "observed", "listed", "issued", "named"]));
    exactly(
        vec![("identifier", plain(text())), ("state", plain(state()))],
        vec![
            ("installed", Schema::from(installed).into()),
            ("evidence", plain(evidence)),
            ("earlier", many(named("Candidate")).into()),
            ("later", many(named("Candidate")).into()),
            ("candidates", many(named("Candidate")).into()),
            ("absent_since", plain(moment())),
            ("sighting", Schema::from(sighting).into()),
        ],
    )
}

fn device() -> Object {
    let members = vec![
        ("device", plain(text())),
        ("profiles", many(named("Holding")).into()),
        ("issuances", many(named("Issuance")).into()),
        ("observations", many(named("Observation")).into()),
    ];
    exactly(members, vec![])
}

fn devices() -> Object {
    let members = vec![("device", plain(text())), ("identifier", plain(text())), ("state", plain(state()))];
    let one = Schema::from(exactly(members, vec![]));
    exactly(vec![("devices", many(one).into()), ("next", plain(nullable(text())))], vec![])
}

fn device_diagnosis() -> Object {
    let members =
        vec![("device", plain(text())), ("free", plain(flag())), ("profiles", many(named("Diagnosis")).into())];
    exactly(members, vec![])
}

fn reconciled() -> Object {
    let installed = Schema::from(exactly(vec![("identifier", plain(text()))], basis()));
    let similar = Schema::from(exactly(vec![("identifier", plain(text())), ("listed", plain(text()))], vec![]));
    let members = vec![
        ("device", plain(text())),
        ("installed", many(installed).into()),
        ("foreign", many(plain(text())).into()),
        ("absent", many(plain(text())).into()),
        ("similar", many(similar).into()),
        ("outdated", many(plain(text())).into()),
    ];
    exactly(members, vec![])
}

fn observed() -> Object {
    let members = vec![("device", plain(text())), ("identifier", plain(text())), ("known", plain(flag()))];
    exactly(members, basis())
}

fn taken() -> Object {
    let members =
        vec![("issuance", plain(uuid())), ("device", plain(text())), ("acknowledgement", named("Acknowledgement"))];
    exactly(members, vec![])
}

fn readiness() -> Object {
    let checks = typed(Type::Object).additional_properties(Some(Schema::from(flag().build())));
    exactly(vec![("ready", plain(flag())), ("draining", plain(flag())), ("checks", plain(checks))], vec![])
}

const FORM: &str =
    "How the overwrite says that there is no removal password; `auto`, unless given, follows the target.";
