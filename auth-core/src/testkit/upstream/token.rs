//! The token endpoint, and what it signs.

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use super::authorize::Grant;
use super::http::{FakeReply, FakeRequest};
use super::{Inner, State, client, faults};
use crate::ground::jose::jwe::{ContentEncryption, EncryptionKey};
use crate::ground::jose::{Algorithm, left_half_hash};
use crate::ground::{Digest32, SystemRandom, base64url};

const ACCESS_TOKEN_LIFE: i64 = 3600;

/// Answers a token request (RFC 6749 §4.1.3, §6).
pub(super) fn answer(inner: &Inner, request: &FakeRequest) -> FakeReply {
    let refused = |error: &str, status| FakeReply::json(status, &json!({ "error": error }));
    let mut state = inner.state();
    let Some(client_id) = client::authenticate(inner, &mut state, request) else {
        return refused("invalid_client", 401);
    };
    let code = request.field("code");
    let grant = match request.field("grant_type").as_deref() {
        Some("authorization_code") => code
            .as_ref()
            .and_then(|code| state.codes.remove(code))
            .filter(|grant| is_of(grant, request)),
        Some("refresh_token") => {
            let token = request.field("refresh_token").unwrap_or_default();
            refreshed(&mut state, token)
        }
        _ => return refused("unsupported_grant_type", 400),
    };
    let Some(grant) = grant.filter(|grant| grant.client_id == client_id) else {
        return refused("invalid_grant", 400);
    };
    let mut body = tokens(&mut state, &grant, code.is_some());
    if code.is_some() && grant.scope.split(' ').any(|scope| scope == "openid") {
        let access_token = body["access_token"].as_str().unwrap_or_default().to_owned();
        let token = id_token(inner, &state, &grant, &access_token);
        body.insert("id_token".to_owned(), json!(token));
    }
    faults::apply(&state.faults.token, &mut body);
    FakeReply::json(200, &Value::Object(body))
}

/// What a refresh token stands for; spent, where they rotate.
fn refreshed(state: &mut State, token: String) -> Option<Grant> {
    if !state.faults.rotates_refresh_tokens {
        return state.refresh_tokens.get(&token).cloned();
    }
    let grant = state.refresh_tokens.remove(&token);
    match (&grant, state.spent.get(&token).cloned()) {
        (Some(grant), _) => {
            let sid = grant.sid.clone();
            state.spent.insert(token, sid);
        }
        (None, Some(sid)) if state.faults.revokes_on_reuse => {
            state.refresh_tokens.retain(|_, grant| grant.sid != sid);
            state.access_tokens.retain(|_, grant| grant.sid != sid);
        }
        (None, _) => {}
    }
    grant
}

/// Whether the request is the one the code was made for (RFC 6749 §4.1.3, RFC 7636 §4.6).
fn is_of(grant: &Grant, request: &FakeRequest) -> bool {
    let verifier = request.field("code_verifier");
    let proven = match (&grant.challenge, verifier) {
        (Some(challenge), Some(verifier)) => Digest32::of(verifier).to_text() == *challenge,
        (None, None) => true,
        _ => false,
    };
    proven && request.field("redirect_uri").as_ref() == Some(&grant.redirect_uri)
}

fn tokens(state: &mut State, grant: &Grant, is_first: bool) -> Map<String, Value> {
    let access_token = state.draw("access");
    state
        .access_tokens
        .insert(access_token.clone(), grant.clone());
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(access_token));
    body.insert("token_type".to_owned(), json!("Bearer"));
    body.insert("expires_in".to_owned(), json!(ACCESS_TOKEN_LIFE));
    body.insert("scope".to_owned(), json!(grant.scope));
    if is_first || state.faults.rotates_refresh_tokens {
        let refresh_token = state.draw("refresh");
        state
            .refresh_tokens
            .insert(refresh_token.clone(), grant.clone());
        body.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    body
}

fn id_token(inner: &Inner, state: &State, grant: &Grant, access_token: &str) -> String {
    let now = inner.now();
    let mut claims = grant.person.claims.clone();
    for (name, value) in [
        ("iss", json!(inner.issuer)),
        ("sub", json!(grant.person.subject)),
        ("aud", json!(grant.client_id)),
        ("iat", json!(now)),
        ("exp", json!(now + 300)),
        ("auth_time", json!(grant.auth_time)),
        ("sid", json!(grant.sid)),
        (
            "at_hash",
            json!(left_half_hash(Algorithm::Es256, access_token)),
        ),
    ] {
        claims.insert(name.to_owned(), value);
    }
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    if let Some(acr) = &grant.acr {
        claims.insert("acr".to_owned(), json!(acr));
    }
    faults::apply(&state.faults.id_token, &mut claims);
    let token = sign(state, Some("JWT"), &Value::Object(claims));
    encrypted(state, Some("JWT"), &token).unwrap_or(token)
}

/// Answers at `UserInfo` (OpenID Connect Core §5.3).
pub(super) fn user_info(inner: &Inner, request: &FakeRequest) -> FakeReply {
    let state = inner.state();
    let Some(grant) = state.access_tokens.get(&request.bearer()) else {
        return FakeReply::json(401, &json!({ "error": "invalid_token" }));
    };
    let mut claims = grant.person.claims.clone();
    claims.insert("sub".to_owned(), json!(grant.person.subject));
    if state.faults.signs_user_info {
        claims.insert("iss".to_owned(), json!(inner.issuer));
        claims.insert("aud".to_owned(), json!(grant.client_id));
    }
    faults::apply(&state.faults.user_info, &mut claims);
    let claims = Value::Object(claims);
    let (cty, text) = if state.faults.signs_user_info {
        (Some("JWT"), sign(&state, None, &claims))
    } else {
        (None, claims.to_string())
    };
    match (encrypted(&state, cty, &text), cty) {
        (Some(token), _) => FakeReply::new(200, "application/jwt", token),
        (None, Some(_)) => FakeReply::new(200, "application/jwt", text),
        (None, None) => FakeReply::json(200, &claims),
    }
}

/// Encrypted to the client, if [`Faults::encrypts_to`](super::Faults::encrypts_to) says so.
fn encrypted(state: &State, cty: Option<&str>, text: &str) -> Option<String> {
    let jwk = state.faults.encrypts_to.as_ref()?;
    let algorithm = *jwk.encryption_algorithms().first()?;
    let key = EncryptionKey::new(jwk, algorithm).unwrap();
    let [encryption, ..] = ContentEncryption::ALL;
    let token = key.encrypt_compact(encryption, cty, text.as_bytes(), &SystemRandom);
    Some(token.unwrap())
}

/// A compact JWS with the present key, as honest as the faults let it be.
pub(super) fn sign(state: &State, typ: Option<&str>, claims: &Value) -> String {
    let Some(key) = state.keys.last() else {
        return String::new();
    };
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(key.algorithm()));
    if !state.faults.nameless_keys {
        header.insert("kid".to_owned(), json!(key.kid));
    }
    if let Some(typ) = typ {
        header.insert("typ".to_owned(), json!(typ));
    }
    faults::apply(&state.faults.header, &mut header);
    let algorithm = header.get("alg").cloned();
    let input = format!(
        "{}.{}",
        base64url(Value::Object(header).to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    );
    let mut signature = match algorithm.as_ref().and_then(Value::as_str) {
        Some("none") => Vec::new(),
        Some("HS256") => {
            let secret = key.public().to_string();
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
        }
        _ => key.sign(input.as_bytes()),
    };
    if state.faults.signature
        && let Some(first) = signature.first_mut()
    {
        *first ^= 1;
    }
    format!("{input}.{}", base64url(&signature))
}
