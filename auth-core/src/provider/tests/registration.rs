//! Dynamic client registration (RFC 7591) and its management (RFC 7592), over the endpoint.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::apps::{LEAVE, app, house_where, open_house, path_of, refusal};
use super::harness::{House, ISSUER, Proof, REDIRECT_URI, START, house, house_with};
use crate::ground::jose::{Algorithm, GeneratedKey, JwkSet, SigningKey};
use crate::provider::{
    OAuthError, Provider, Registration, RegistrationPolicy, RegistrationReview,
    StandardRegistrationPolicy,
};
use crate::store::{ClientId, MemoryStore, ThrottlePolicy};

const NOTHING: Value = Value::Null;

#[tokio::test]
async fn registration_is_closed_unless_turned_on() {
    let closed = house().await;
    let there = |house: &House| {
        let routes = house.wing.routes();
        routes
            .iter()
            .any(|(route, _)| route.path.ends_with("/register"))
    };
    assert!(!there(&closed));
    let member = "registration_endpoint";
    let path = "/.well-known/openid-configuration";
    let document = closed.get(path, Proof::No).await.ok();
    assert!(document.json.get(member).is_none());
    assert!(
        closed
            .wing
            .issue_registration_token(Duration::from_mins(1), None)
            .await
            .is_err()
    );
    let open = open_house().await;
    assert!(there(&open));
    let document = open.get(path, Proof::No).await.ok();
    assert_eq!(document.text(member), format!("{ISSUER}/oauth/register"));
    assert_eq!(
        document.json["subject_types_supported"],
        json!(["public", "pairwise"])
    );
}

/// RFC 7591 §3.2.1, OpenID Connect Registration §3.2: 201, all metadata as registered, nothing cached.
#[tokio::test]
async fn a_registration_is_answered_with_all_there_is() {
    let house = open_house().await;
    let wanted = app(json!({
        "client_name": "My App", "client_name#ja": "アプリ", "logo_uri": "https://rp.example/logo.png",
        "client_id": "chosen", "client_secret": "chosen as well", "unknown_member": { "a": 1 }, "tos_uri": null,
        "redirect_uris#de": 7, "first_party": true,
    }));
    let answer = house.register(None, &wanted).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    let id = answer.text("client_id");
    let all = json!({
        "redirect_uris": [REDIRECT_URI], "client_name": "My App", "client_name#ja": "アプリ",
        "logo_uri": "https://rp.example/logo.png", "application_type": "web", "subject_type": "public",
        "grant_types": ["authorization_code"], "response_types": ["code"], "require_auth_time": false,
        "token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": "RS256",
        "client_id": id, "client_id_issued_at": START.seconds(), "client_secret": answer.json["client_secret"],
        "client_secret_expires_at": 0, "registration_access_token": answer.json["registration_access_token"],
        "registration_client_uri": format!("{ISSUER}/oauth/register?client_id={id}"),
    });
    assert_eq!(answer.json, all);
    assert_ne!(id, "chosen");
    assert_eq!(answer.text("client_secret").len(), 43);
    let proof = Proof::Basic(id, answer.text("client_secret"));
    house
        .post("/oauth/revoke", proof, &[("token", "x")])
        .await
        .ok();
    let public = house
        .registered(json!({ "token_endpoint_auth_method": "none" }))
        .await;
    assert!(public.json.get("client_secret").is_none());
    assert!(public.json.get("client_secret_expires_at").is_none());
}

/// RFC 7591 §3: "If [...] an initial access token is required", RFC 6750 §3.
#[tokio::test]
async fn a_token_lets_register_and_nothing_else_does() {
    let settings = Registration::by_token().initial_access_tokens([LEAVE]);
    let house = house_where(settings).await;
    let missing = house.register(None, &app(json!({}))).await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        missing.headers[WWW_AUTHENTICATE],
        "Bearer realm=\"registration\""
    );
    let wrong = house
        .register(Some("fixed-initial-access-tokem"), &app(json!({})))
        .await;
    wrong.refused_as("invalid_token");
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        house.register(Some(LEAVE), &app(json!({}))).await.status,
        201
    );
    let minute = Duration::from_mins(1);
    let made = house
        .wing
        .issue_registration_token(minute, None)
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(
            house.register(Some(&made), &app(json!({}))).await.status,
            201
        );
    }
    house.advance(minute);
    house
        .register(Some(&made), &app(json!({})))
        .await
        .refused_as("invalid_token");
    for (life, uses) in [
        (0, None),
        (400 * 86400, None),
        (60, Some(0)),
        (60, Some(101)),
    ] {
        let life = Duration::from_secs(life);
        assert!(
            house
                .wing
                .issue_registration_token(life, uses)
                .await
                .is_err()
        );
    }
    // Shown where none is needed, a token must still be good.
    let open = open_house().await;
    open.register(Some("x"), &app(json!({})))
        .await
        .refused_as("invalid_token");
}

#[tokio::test]
async fn a_counted_token_is_spent_by_registrations_not_by_mistakes() {
    let house = house_where(Registration::by_token()).await;
    let day = Duration::from_hours(24);
    let token = house
        .wing
        .issue_registration_token(day, Some(2))
        .await
        .unwrap();
    let bad = app(json!({ "application_type": "toy" }));
    for _ in 0..3 {
        assert_eq!(
            refusal(&house.register(Some(&token), &bad).await).0,
            "invalid_client_metadata"
        );
    }
    for status in [201, 201, 401, 401] {
        assert_eq!(
            house.register(Some(&token), &app(json!({}))).await.status,
            status
        );
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let key = JwkSet::new(vec![]);
    let throttle = ThrottlePolicy {
        limit: 0,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let own = crate::provider::StoreRegistry::new(std::sync::Arc::new(MemoryStore::new()));
    for bad in [
        Provider::default().registration(Registration::by_token().initial_access_tokens(["short"])),
        Provider::default()
            .registration(Registration::open().trust_software_statements("https://s", &key)),
        Provider::default().registration(Registration::open().throttle(throttle)),
        Provider::default()
            .registration(Registration::open())
            .registry(own),
    ] {
        assert_eq!(bad.validate().unwrap_err().setting, "registration");
    }
}

/// RFC 7592 §2.1 and §3.
#[tokio::test]
async fn a_client_reads_its_registration() {
    let house = open_house().await;
    let app = house.registered(json!({ "client_name": "App" })).await;
    let read = house.managed(Method::GET, &app, &NOTHING).await.ok();
    assert_eq!(read.headers[CACHE_CONTROL], "no-store");
    let mut expected = app.json.clone();
    // A digest is all that is kept of it.
    expected.as_object_mut().unwrap().remove("client_secret");
    expected
        .as_object_mut()
        .unwrap()
        .remove("client_secret_expires_at");
    assert_eq!(read.json, expected);
}

/// RFC 7592 §2.2: "the client's metadata values are replaced"; "omitted" is deleted.
#[tokio::test]
async fn a_client_replaces_its_registration() {
    let house = open_house().await;
    let first = house
        .registered(json!({ "client_name": "App", "tos_uri": "https://rp.example/tos" }))
        .await;
    let (id, secret) = (first.text("client_id"), first.text("client_secret"));
    let new = app(json!({ "client_id": id, "client_secret": secret, "client_name": "New" }));
    let put = house.managed(Method::PUT, &first, &new).await.ok();
    assert_eq!(put.text("client_name"), "New");
    assert!(put.json.get("tos_uri").is_none() && put.json.get("client_secret").is_none());
    let token = first.text("registration_access_token");
    assert_eq!(put.text("registration_access_token"), token);
    let read = house.managed(Method::GET, &first, &NOTHING).await.ok();
    assert_eq!(read.json, put.json);
    let proof = Proof::Basic(id, secret);
    house
        .post("/oauth/revoke", proof, &[("token", "x")])
        .await
        .ok();
    // A change of method drops the secret, and makes another.
    let public = app(json!({ "client_id": id, "token_endpoint_auth_method": "none" }));
    house.managed(Method::PUT, &first, &public).await.ok();
    let again = house
        .managed(Method::PUT, &first, &app(json!({ "client_id": id })))
        .await
        .ok();
    assert_ne!(again.text("client_secret"), secret);
}

/// RFC 7592 §2.2: same `client_id`, same secret, none of the server's members.
#[tokio::test]
async fn a_replacement_names_its_client_and_nothing_of_the_servers() {
    let house = open_house().await;
    let own = house.registered(json!({})).await;
    let id = own.text("client_id");
    for changes in [
        json!({}),
        json!({ "client_id": "another" }),
        json!({ "client_id": 7 }),
        json!({ "client_id": id, "client_secret": "another" }),
        json!({ "client_id": id, "client_secret": 7 }),
        json!({ "client_id": id, "registration_access_token": "x" }),
        json!({ "client_id": id, "registration_client_uri": "x" }),
        json!({ "client_id": id, "client_secret_expires_at": 0 }),
        json!({ "client_id": id, "client_id_issued_at": 0 }),
        json!({ "client_id": id, "application_type": "toy" }),
    ] {
        let answer = house
            .managed(Method::PUT, &own, &app(changes.clone()))
            .await;
        assert_eq!(refusal(&answer).0, "invalid_client_metadata", "{changes}");
    }
    let none = json!({ "client_id": id, "redirect_uris": [] });
    let answer = house.managed(Method::PUT, &own, &none).await;
    assert_eq!(refusal(&answer).0, "invalid_redirect_uri");
    let read = house.managed(Method::GET, &own, &NOTHING).await.ok();
    assert_eq!(read.json["redirect_uris"], json!([REDIRECT_URI]));
}

/// RFC 7592 §2.3: 204, and grants, tokens and the registration token end.
#[tokio::test]
async fn a_client_removes_itself_with_all_it_was_given() {
    let house = open_house().await;
    let own = house.registered(json!({ "scope": "openid" })).await;
    let (id, secret) = (own.text("client_id"), own.text("client_secret"));
    let code = house.code(&ClientId::from(id), "openid").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", super::harness::VERIFIER),
    ];
    let tokens = house
        .post("/oauth/token", Proof::Basic(id, secret), &form)
        .await
        .ok();
    let deleted = house.managed(Method::DELETE, &own, &NOTHING).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    house
        .userinfo(tokens.text("access_token"))
        .await
        .refused_as("invalid_token");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = house.managed(method, &own, &NOTHING).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        answer.refused_as("invalid_token");
    }
}

#[tokio::test]
async fn a_disabled_client_manages_nothing() {
    let house = open_house().await;
    let own = house.registered(json!({})).await;
    let id = ClientId::from(own.text("client_id"));
    house.wing.disable_client(&id).await.unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = house
            .managed(method, &own, &app(json!({ "client_id": id })))
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn what_an_operator_changes_keeps_the_registration_token() {
    let house = open_house().await;
    let own = house.registered(json!({})).await;
    let id = ClientId::from(own.text("client_id"));
    let metadata = super::harness::object(app(json!({ "client_name": "Operator's" })));
    let update = crate::provider::ClientUpdate::default().metadata(metadata);
    house.wing.update_client(&id, update).await.unwrap();
    let read = house.managed(Method::GET, &own, &NOTHING).await.ok();
    assert_eq!(read.text("client_name"), "Operator's");
}

/// RFC 7591 §2.3, §3.1.1, §3.2.1.
#[tokio::test]
async fn a_software_statement_wins_over_plain_members() {
    let GeneratedKey { key, .. } = SigningKey::generate(Algorithm::Es256).unwrap();
    let GeneratedKey { key: other, .. } = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = JwkSet::new(vec![key.public_jwk().clone()]);
    let settings = Registration::open().trust_software_statements("https://vouch.example", &keys);
    let house = house_where(settings).await;
    let now = START.seconds();
    let claims = |changes: Value| {
        let mut claims = super::harness::object(json!({
            "iss": "https://vouch.example", "iat": now, "software_id": "soft-1", "client_name": "Vouched",
            "first_party": true, "client_id": "chosen",
        }));
        claims.extend(super::harness::object(changes));
        claims
    };
    let signed = key.sign_compact(Some("JWT"), &claims(json!({}))).unwrap();
    let wanted = app(json!({ "client_name": "Plain", "software_statement": signed }));
    let answer = house.register(None, &wanted).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.text("client_name"), "Vouched");
    assert_eq!(answer.text("software_id"), "soft-1");
    // §3.2.1: "MUST be returned unmodified".
    assert_eq!(answer.text("software_statement"), signed);
    assert_ne!(answer.text("client_id"), "chosen");
    assert!(answer.json.get("first_party").is_none() && answer.json.get("iss").is_none());
    let sign = |key: &SigningKey, typ, changes| key.sign_compact(typ, &claims(changes)).unwrap();
    let ours = json!({ "aud": ISSUER, "exp": now + 60 });
    let good = sign(&key, None, ours);
    let answer = house
        .register(None, &app(json!({ "software_statement": good })))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let invalid = "invalid_software_statement";
    for (error, statement) in [
        (invalid, sign(&other, None, json!({}))),
        (invalid, sign(&key, None, json!({ "iss": null }))),
        (invalid, sign(&key, None, json!({ "exp": now - 60 }))),
        (invalid, sign(&key, None, json!({ "nbf": now + 60 }))),
        (
            invalid,
            sign(&key, None, json!({ "aud": "https://other.example" })),
        ),
        (invalid, sign(&key, Some("at+jwt"), json!({}))),
        (invalid, format!("{signed}x")),
        (invalid, "eyJhbGciOiJub25lIn0.e30.".to_owned()),
        (invalid, String::new()),
        (
            "unapproved_software_statement",
            sign(&key, None, json!({ "iss": "https://else.example" })),
        ),
    ] {
        let answer = house
            .register(None, &app(json!({ "software_statement": statement })))
            .await;
        assert_eq!(refusal(&answer).0, error, "{statement}");
    }
    let answer = house
        .register(None, &app(json!({ "software_statement": 7 })))
        .await;
    assert_eq!(refusal(&answer).0, "invalid_client_metadata");
    // Where nobody is trusted, nobody is.
    let answer = open_house().await;
    let answer = answer.register(None, &wanted).await;
    assert_eq!(refusal(&answer).0, "unapproved_software_statement");
}

#[tokio::test]
async fn scopes_are_the_standard_ones_and_those_an_operator_names() {
    let house = open_house().await;
    let own = house
        .registered(json!({ "scope": "openid reports:read made:up email" }))
        .await;
    assert_eq!(own.text("scope"), "openid email");
    let answer = house
        .register(None, &app(json!({ "scope": "reports:read" })))
        .await;
    assert_eq!(refusal(&answer).0, "invalid_client_metadata");
    let policy = StandardRegistrationPolicy::default().scopes(["reports:read"]);
    let house = house_where(Registration::open().policy(policy)).await;
    let own = house
        .registered(json!({ "scope": "openid reports:read reports:write" }))
        .await;
    assert_eq!(own.text("scope"), "openid reports:read");
}

#[tokio::test]
async fn whom_nobody_vouched_for_gets_no_tokens_of_its_own() {
    let settings = || Registration::open().initial_access_tokens([LEAVE]);
    let house = house_where(settings()).await;
    let machine = json!({ "grant_types": ["client_credentials"] });
    assert_eq!(
        refusal(&house.register(None, &machine).await).0,
        "invalid_client_metadata"
    );
    let vouched = house.register(Some(LEAVE), &machine).await;
    assert_eq!(vouched.status, 201);
    // A later change is judged by how it came.
    let own = house.registered(json!({})).await;
    let mut machine = machine;
    machine["client_id"] = own.json["client_id"].clone();
    let answer = house.managed(Method::PUT, &own, &machine).await;
    assert_eq!(refusal(&answer).0, "invalid_client_metadata");
    machine["client_id"] = vouched.json["client_id"].clone();
    house.managed(Method::PUT, &vouched, &machine).await.ok();
}

struct OwnApps;

#[async_trait]
impl RegistrationPolicy for OwnApps {
    async fn review(&self, review: &mut RegistrationReview<'_>) -> Result<(), OAuthError> {
        if review.open {
            return Err(OAuthError::access_denied("bring a token"));
        }
        review.first_party = review.statement.is_none();
        review
            .metadata
            .insert("client_name".to_owned(), "Renamed".into());
        review.metadata.insert(
            "logo_uri".to_owned(),
            review.metadata["client_name"].clone(),
        );
        if review.metadata.get("tos_uri").is_some() {
            review.metadata.remove("logo_uri");
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_hosts_policy_decides_and_is_checked_like_the_client() {
    let settings = Registration::open()
        .initial_access_tokens([LEAVE])
        .policy(OwnApps);
    let house = house_where(settings).await;
    house
        .register(None, &app(json!({})))
        .await
        .refused_as("access_denied");
    let answer = house.register(Some(LEAVE), &app(json!({}))).await;
    assert!(refusal(&answer).1.starts_with("logo_uri"));
    let wanted = app(json!({ "tos_uri": "https://rp.example/tos" }));
    let answer = house.register(Some(LEAVE), &wanted).await;
    assert_eq!(answer.text("client_name"), "Renamed");
    let id = ClientId::from(answer.text("client_id"));
    let stored = house.wing.registry.client(&id).await.unwrap().unwrap();
    assert!(stored.first_party);
}

#[tokio::test]
async fn the_address_follows_the_providers_path() {
    let settings = Provider::default()
        .path("/idp")
        .registration(Registration::open());
    let house = house_with(settings).await;
    let body = app(json!({})).to_string();
    let answer = house
        .registration(Method::POST, "/idp/register", None, &body)
        .await;
    assert!(path_of(&answer).starts_with("/idp/register?client_id="));
}
