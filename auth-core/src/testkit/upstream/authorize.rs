//! The authorization endpoint.

use std::collections::HashMap;

use serde_json::json;
use url::Url;

use super::{FakePerson, Inner};

/// What a code stands for.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) person: FakePerson,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) scope: String,
    pub(super) sid: String,
    pub(super) auth_time: i64,
    pub(super) acr: Option<String>,
}

/// What the browser carries back to the app.
#[derive(Clone, Debug)]
pub struct FakeResponse {
    /// Where to.
    pub redirect_uri: String,
    /// Whether it is to be posted (`response_mode=form_post`).
    pub is_post: bool,
    /// The parameters.
    pub parameters: Vec<(String, String)>,
    /// The session there (`sid`), where somebody signed in.
    pub sid: Option<String>,
}

impl FakeResponse {
    /// The parameters as a form, or as a query.
    pub fn form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .finish()
    }

    /// The redirect, where it is one.
    pub fn url(&self) -> String {
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}{}", self.redirect_uri, self.form())
    }

    /// The path and query of the redirect.
    pub fn path_and_query(&self) -> String {
        let url = self.url();
        Url::parse(&url).map_or(url, |url| url[url::Position::BeforePath..].to_owned())
    }

    /// One of the parameters.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut fitting = self.parameters.iter().filter(|(own, _)| own == name);
        fitting.next().map(|(_, value)| value.as_str())
    }
}

pub(super) fn authorize(
    inner: &Inner,
    url: &str,
    person: Option<&FakePerson>,
) -> Result<FakeResponse, String> {
    let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let place = format!("{}/authorize", inner.issuer);
    if url[..url::Position::AfterPath] != *place {
        return Err(format!("{url} is not {place}"));
    }
    let mut asked = HashMap::new();
    for (name, value) in url.query_pairs() {
        if asked.insert(name.to_string(), value.to_string()).is_some() {
            return Err(format!("{name} is there twice (RFC 6749 §3.1)"));
        }
    }
    let asked_for = |name: &str| asked.get(name).cloned();
    let required = |name: &str| asked_for(name).ok_or_else(|| format!("{name} is missing"));
    let client_id = required("client_id")?;
    let redirect_uri = required("redirect_uri")?;
    if required("response_type")? != "code" {
        return Err("response_type is not code".to_owned());
    }
    let challenge = asked_for("code_challenge");
    if challenge.is_some() && required("code_challenge_method")? != "S256" {
        return Err("code_challenge_method is not S256".to_owned());
    }
    let mut state = inner.state();
    if !state.clients.iter().any(|client| client.id == client_id) {
        return Err(format!("no client {client_id}"));
    }
    let mut parameters = vec![("iss".to_owned(), inner.issuer.clone())];
    parameters.extend(asked_for("state").map(|state| ("state".to_owned(), state)));
    let sid = if let Some(person) = person {
        let (code, sid) = (state.draw("code"), state.draw("sid"));
        let grant = Grant {
            client_id,
            redirect_uri: redirect_uri.clone(),
            person: person.clone(),
            nonce: asked_for("nonce"),
            challenge,
            scope: asked_for("scope").unwrap_or_default(),
            sid: sid.clone(),
            auth_time: person.auth_time.unwrap_or_else(|| inner.now()),
            acr: asked_for("acr_values")
                .and_then(|values| values.split(' ').next().map(str::to_owned)),
        };
        state.codes.insert(code.clone(), grant);
        parameters.push(("code".to_owned(), code));
        Some(sid)
    } else {
        parameters.push(("error".to_owned(), "access_denied".to_owned()));
        None
    };
    for (name, value) in &state.faults.response {
        parameters.retain(|(own, _)| own != name);
        parameters.extend(value.clone().map(|value| (name.clone(), value)));
    }
    Ok(FakeResponse {
        redirect_uri,
        is_post: asked_for("response_mode").as_deref() == Some("form_post"),
        parameters,
        sid,
    })
}

/// What the metadata says.
pub(super) fn metadata(inner: &Inner) -> serde_json::Value {
    let issuer = &inner.issuer;
    let signs_by: std::collections::BTreeSet<_> = {
        let state = inner.state();
        state.keys.iter().map(|key| key.algorithm()).collect()
    };
    let mut metadata = serde_json::Map::new();
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/keys"),
        ("end_session_endpoint", "/end-session"),
    ] {
        metadata.insert(name.to_owned(), json!(format!("{issuer}{path}")));
    }
    for (name, value) in [
        ("issuer", json!(issuer)),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query", "form_post"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(signs_by)),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("backchannel_logout_supported", json!(true)),
        ("backchannel_logout_session_supported", json!(true)),
        ("frontchannel_logout_supported", json!(true)),
        ("frontchannel_logout_session_supported", json!(true)),
    ] {
        metadata.insert(name.to_owned(), value);
    }
    super::faults::apply(&inner.state().faults.metadata, &mut metadata);
    serde_json::Value::Object(metadata)
}
