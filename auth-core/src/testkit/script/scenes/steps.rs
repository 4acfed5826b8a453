//! Steps that several scenes share.

use serde_json::Value;

use crate::ground::{Digest32, base64url};
use crate::testkit::script::ask::{Ask, with_query};
use crate::testkit::script::host::{REDIRECT_URI, SECRET};
use crate::testkit::script::person::Person;
use crate::testkit::script::reply::Reply;
use crate::testkit::script::stage::Stage;

pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const STATE: &str = "the state & more";

/// The parameters of an authorization request of `rp`; those in `changes` in their place, empty ones left out.
pub(super) fn authorize_fields<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
    let challenge = base64url(Digest32::of(VERIFIER).as_bytes());
    let usual = [
        ("client_id", "rp"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile"),
        ("state", STATE),
        ("nonce", "the nonce"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual
        .iter()
        .filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    kept.chain(changes)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

/// The target of that request.
pub(super) fn authorize_url(changes: &[(&str, &str)]) -> String {
    let fields = authorize_fields(changes);
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    with_query("~/oauth/authorize", &fields)
}

/// Runs an authorization request to its answer, allowing what is asked.
pub(super) async fn authorize(
    stage: &mut Stage<'_>,
    person: &mut Person,
    changes: &[(&str, &str)],
) -> Reply {
    let reply = person.visit(stage, &authorize_url(changes)).await;
    if reply.status != http::StatusCode::OK {
        return reply;
    }
    let action = "~/oauth/authorize/consent";
    person
        .submit(stage, &reply, action, &[("decision", "allow")])
        .await
}

/// The fields that redeem a code of `rp`.
pub(super) fn redeeming(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ]
}

/// A request of `rp`, with its secret.
pub(super) async fn rp(stage: &mut Stage<'_>, path: &str, fields: &[(&str, &str)]) -> Reply {
    stage
        .ask(Ask::post(path).basic("rp", SECRET).form(fields))
        .await
}

/// Tokens of `rp` for somebody.
pub(super) async fn tokens(stage: &mut Stage<'_>, person: &mut Person, scope: &str) -> Value {
    let code = authorize(stage, person, &[("scope", scope)]).await.code();
    let reply = rp(stage, "~/oauth/token", &redeeming(&code)).await;
    reply.is(200).json()
}

/// A token of `machine`, for itself.
pub(super) async fn machine_token(stage: &mut Stage<'_>) -> String {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    let reply = stage.ask(Ask::post("~/oauth/token").form(&fields)).await;
    reply.is(200).text_of("access_token")
}

/// The text of a member.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}
