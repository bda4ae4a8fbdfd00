//! What the API is, as an OpenAPI 3.1 document: made of one table of operations, against which tests hold the router and
//! every answer.

mod operations;
mod schemas;

use std::collections::{BTreeMap, btree_map::Entry};

use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, Response, ResponseBuilder, ResponsesBuilder,
    header::HeaderBuilder,
    path::{HttpMethod, Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{ObjectBuilder, Schema, Type},
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

use self::operations::{Gives, OPERATIONS, Operation, Query, Takes};
use crate::Refusal;

/// The document.
pub fn document() -> OpenApi {
    let paths = OPERATIONS.iter().fold(PathsBuilder::new(), |paths, operation| {
        paths.path(operation.path, PathItem::new(operation.method.clone(), describe(operation)))
    });
    let license = License::builder().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title("signer").version(env!("CARGO_PKG_VERSION"));
    let info = info.description(Some(ABOUT)).license(Some(license));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components())).build()
}

fn components() -> Components {
    let token = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(CALLERS)).build();
    let components = Components::builder().security_scheme(TOKEN, SecurityScheme::Http(token));
    schemas::all().into_iter().fold(components, |components, (name, schema)| components.schema(name, schema)).build()
}

fn describe(operation: &Operation) -> Described {
    let role = operation.role.map(|role| format!("Needs the role `{role}`."));
    let mut described = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .description(role)
        .parameters(Some(parameters(operation)))
        .request_body(body(&operation.takes))
        .responses(
            answers(operation)
                .into_iter()
                .fold(ResponsesBuilder::new(), |all, (status, one)| all.response(status, one)),
        );
    if operation.role.is_some() {
        described = described.security(SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []));
    }
    described.build()
}

fn parameters(operation: &Operation) -> Vec<Parameter> {
    let named = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = named.map(|name| parameter(name, ParameterIn::Path, Required::True, path_schema(name)).build());
    let in_query = operation.query.iter().map(|Query { name, about, schema }| {
        parameter(name, ParameterIn::Query, Required::False, schema()).description(Some(*about)).build()
    });
    let mut parameters: Vec<Parameter> = in_path.chain(in_query).collect();
    if operation.method == HttpMethod::Post {
        let key = schemas::text().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
        parameters.push(parameter("Idempotency-Key", ParameterIn::Header, Required::True, key.build().into()).build());
    }
    parameters
}

fn parameter(name: &str, place: ParameterIn, required: Required, schema: Schema) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(schema))
}

fn path_schema(name: &str) -> Schema {
    match name {
        "device" => schemas::text().pattern(Some("^[A-Za-z0-9._-]{1,128}$")).build().into(),
        "issuance" | "ticket" => schemas::uuid().build().into(),
        _ => schemas::text().build().into(),
    }
}

fn body(takes: &Takes) -> Option<RequestBody> {
    let (types, schema): (&[&str], RefOr<Schema>) = match takes {
        Takes::Nothing => return None,
        Takes::Json(name) => (&["application/json"], Ref::from_schema_name(*name).into()),
        Takes::Bytes(types) => (types, schemas::bytes().into()),
    };
    let body = RequestBodyBuilder::new().required(Some(Required::True));
    let content = Content::new(Some(schema));
    Some(types.iter().fold(body, |body, media_type| body.content(*media_type, content.clone())).build())
}

/// The answer that there is where all goes well, and the refusals by their status: where they share one, it has the forms
/// of both.
fn answers(operation: &Operation) -> BTreeMap<String, Response> {
    let mut answers: BTreeMap<String, Response> = given(operation).into_iter().collect();
    for (status, codes) in by_status(&operation.refusals()) {
        let refused = refused(&codes);
        match answers.entry(status.to_string()) {
            Entry::Vacant(place) => drop(place.insert(refused)),
            Entry::Occupied(mut given) => given.get_mut().content.extend(refused.content),
        }
    }
    answers
}

fn given(operation: &Operation) -> Vec<(String, Response)> {
    let answer = |content: &[(&str, RefOr<Schema>)]| {
        let response = ResponseBuilder::new().description("Done.");
        let each = content.iter();
        each.fold(response, |response, (media_type, schema)| {
            response.content(*media_type, Content::new(Some(schema.clone())))
        })
    };
    let text = || RefOr::from(Schema::from(schemas::text().build()));
    match operation.gives {
        Gives::Json(name) => {
            vec![("200".into(), answer(&[("application/json", Ref::from_schema_name(name).into())]).build())]
        }
        Gives::Text(media_type) => vec![("200".into(), answer(&[(media_type, text())]).build())],
        Gives::Readiness => ["200", "503"]
            .map(|status| {
                (status.to_owned(), answer(&[("application/json", Ref::from_schema_name("Readiness").into())]).build())
            })
            .into(),
        Gives::Profile => {
            let forms: [(&str, RefOr<Schema>); 3] = [
                ("application/x-apple-aspen-config", schemas::bytes().into()),
                ("application/json", Ref::from_schema_name("IssuedProfile").into()),
                ("application/xml", text()),
            ];
            let told = HEADERS.iter().fold(answer(&forms), |response, (name, about)| {
                let header =
                    HeaderBuilder::new().schema(Some(schemas::text().build())).description(Some(*about)).build();
                response.header(*name, header)
            });
            vec![("200".into(), told.build())]
        }
    }
}

fn by_status(codes: &[&'static str]) -> BTreeMap<u16, Vec<&'static str>> {
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in codes {
        let status = Refusal::status_of(code).expect("the table names refusals only");
        by_status.entry(status).or_default().push(code);
    }
    by_status
}

fn refused(codes: &[&'static str]) -> Response {
    let code = schemas::text().enum_values(Some(codes.iter().copied())).build();
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("code", code)
        .property("detail", schemas::text().description(Some("A sentence for people.")))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("title", schemas::text())
        .property("type", schemas::text());
    let schema = ["code", "detail", "status", "title", "type"].into_iter().fold(schema, ObjectBuilder::required);
    let content = ContentBuilder::new().schema(Some(Schema::from(schema.build()))).build();
    let description = format!("Refused (RFC 9457): {}.", codes.join(", "));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

const TOKEN: &str = "token";
const ABOUT: &str = "Locked profiles and their overwrites for an MDM core. Every POST carries an `Idempotency-Key`: the same \
                     key with the same request gets the same answer, with another request a refusal. Every refusal is \
                     `application/problem+json` with a stable `code`.";
const CALLERS: &str =
    "A bearer token; callers are also known by the user of a Unix socket and by TLS client certificates.";
const HEADERS: [(&str, &str); 8] = [
    ("Issuance-Id", "The issuance."),
    ("ETag", "The digest of the signed bytes, and the form."),
    ("Content-Disposition", "A file's name."),
    ("Cache-Control", "`no-store`."),
    ("Issuance-Evidence", "Why an overwrite was made of what it was made of."),
    ("Issuance-Verdict", "What the overwrite does on the target that was named."),
    ("Issuance-Later", "What was issued later and may be installed instead."),
    ("Issuance-Warnings", "What is worth knowing."),
];
