//! Attacks on registration.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request};
use serde_json::{Value, json};

use super::apps::{app, house_where, open_house, open_house_with_sites, path_of, refusal};
use super::harness::{Proof, SECRET, race};
use crate::provider::Registration;
use crate::store::{ClientId, ThrottlePolicy};

#[tokio::test]
async fn threat_11_a_client_registers_nothing_but_metadata() {
    let house = open_house().await;
    let digest = crate::ground::Digest32::of("mine").to_text();
    let planted = json!({
        "first_party": true, "disabled": false, "client_id": "rp", "client_secret": "mine", "secrets": [],
        "_registered_by_itself": { "digest": digest, "open": false }, "registration_access_token": "mine",
        "version": 9, "client_secret_expires_at": 1,
    });
    let own = house.registered(planted.clone()).await;
    let id = ClientId::from(own.text("client_id"));
    let mut replacement = app(planted);
    for member in [
        "registration_access_token",
        "client_secret_expires_at",
        "client_secret",
    ] {
        replacement.as_object_mut().unwrap().remove(member);
    }
    replacement["client_id"] = json!(id);
    house.managed(Method::PUT, &own, &replacement).await.ok();
    let stored = house.wing.registry.client(&id).await.unwrap().unwrap();
    assert!(!stored.first_party && stored.disabled_at.is_none() && id.as_str() != "rp");
    let mut names: Vec<_> = stored.metadata.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["_registered_by_itself", "redirect_uris"]);
    house
        .registration(Method::GET, &path_of(&own), Some("mine"), "")
        .await
        .refused_as("invalid_token");
    // What is ours in the record is nobody's to read either.
    let read = house.managed(Method::GET, &own, &Value::Null).await.ok();
    assert!(!read.json.to_string().contains("_registered_by_itself"));
    assert!(!format!("{stored:?}").contains(own.text("registration_access_token")));
}

#[tokio::test]
async fn threat_11_a_client_is_read_as_it_was_written() {
    let house = open_house().await;
    let post = async |media_type: &str, body: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/oauth/register")
            .header(CONTENT_TYPE, media_type)
            .body(body.to_owned().into())
            .unwrap();
        house.send(request).await
    };
    let uri = r#""redirect_uris":["https://rp.example/cb"]"#;
    for body in [
        format!("{{{uri},\"client_name\":\"a\",\"client_name\":\"b\"}}"),
        format!("{{{uri},\"client_name\":\"a\",\"client\\u005fname\":\"b\"}}"),
        format!("{{{uri},\"jwks\":{{\"keys\":[],\"keys\":[]}}}}"),
        format!("{{{uri},\"jwks\":{{\"keys\":[{{\"kid\":\"a\",\"kid\":\"b\"}}]}}}}"),
        format!("[{{{uri}}}]"),
        format!("{{{uri}}}x"),
        format!(
            "{{{uri},\"contacts\":{}{}}}",
            "[".repeat(5000),
            "]".repeat(5000)
        ),
        String::new(),
        "null".to_owned(),
    ] {
        let answer = post("application/json", &body).await;
        assert_eq!(refusal(&answer).0, "invalid_client_metadata", "{body:.80}");
    }
    let good = format!("{{{uri}}}");
    assert_eq!(
        post("application/json; charset=utf-8", &good).await.status,
        201
    );
    let form = post("application/x-www-form-urlencoded", &good).await;
    assert_eq!(refusal(&form).0, "invalid_client_metadata");
}

/// Every member that is a string or an array of strings, with every other JSON type.
#[tokio::test]
async fn threat_20_metadata_of_another_type_is_refused() {
    let house = house_where(Registration::open().throttle(wide())).await;
    let texts = [
        "client_name",
        "client_name#de",
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "jwks_uri",
        "scope",
        "sector_identifier_uri",
        "subject_type",
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
        "request_object_signing_alg",
        "token_endpoint_auth_method",
        "token_endpoint_auth_signing_alg",
        "initiate_login_uri",
        "backchannel_logout_uri",
        "application_type",
        "frontchannel_logout_uri",
        "software_id",
        "software_version",
        "software_statement",
    ];
    for member in texts {
        for value in [json!(7), json!(true), json!(["x"]), json!({ "a": "x" })] {
            let answer = house.register(None, &app(json!({ member: value }))).await;
            let (error, description) = refusal(&answer);
            assert_eq!(error, "invalid_client_metadata", "{member} {value}");
            assert!(description.starts_with(member), "{member}: {description}");
        }
    }
    for member in [
        "contacts",
        "default_acr_values",
        "request_uris",
        "post_logout_redirect_uris",
        "grant_types",
        "response_types",
    ] {
        for value in [json!(7), json!("x"), json!([7]), json!({})] {
            let answer = house.register(None, &app(json!({ member: value }))).await;
            assert_eq!(
                refusal(&answer).0,
                "invalid_client_metadata",
                "{member} {value}"
            );
        }
    }
    for member in [
        "require_auth_time",
        "backchannel_logout_session_required",
        "frontchannel_logout_session_required",
    ] {
        for value in [json!(1), json!("true"), json!([])] {
            let answer = house.register(None, &app(json!({ member: value }))).await;
            assert_eq!(
                refusal(&answer).0,
                "invalid_client_metadata",
                "{member} {value}"
            );
        }
    }
}

fn wide() -> ThrottlePolicy {
    ThrottlePolicy {
        limit: 10_000,
        window: Duration::from_mins(10),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    }
}

#[tokio::test]
async fn threat_12_of_many_registrations_no_more_pass_than_a_token_has_uses() {
    let house = house_where(Registration::by_token()).await;
    let day = Duration::from_hours(24);
    let token = house
        .wing
        .issue_registration_token(day, Some(3))
        .await
        .unwrap();
    let answers = race(32, || {
        let (house, token) = (house.clone(), token.clone());
        async move { house.register(Some(&token), &app(json!({}))).await.status }
    })
    .await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 3);
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 29);
    assert_eq!(house.wing.clients(None, 100).await.unwrap().len(), 3);
}

#[tokio::test]
async fn threat_18_what_a_client_calls_itself_has_no_control_characters() {
    let house = open_house().await;
    for changes in [
        json!({ "client_name": "a\r\nSet-Cookie: x" }),
        json!({ "software_id": "a\u{0}" }),
        json!({ "software_statement": "a\nb" }),
        json!({ "contacts": ["a@b.example\nBcc: c@d.example"] }),
        json!({ "a\nb": 1 }),
    ] {
        let answer = house.register(None, &app(changes.clone())).await;
        let (error, description) = refusal(&answer);
        assert!(error.starts_with("invalid_"), "{changes}");
        assert!(description.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }
}

/// OpenID Connect Registration §5: "MUST be included in the elements of the array, or registration MUST fail".
#[tokio::test]
async fn threat_44_a_sector_is_joined_only_when_its_site_says_so_and_nothing_is_learned() {
    let (house, sites) = open_house_with_sites().await;
    let uri = "https://sector.example/uris.json";
    let wanted = json!({
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb"], "subject_type": "pairwise",
        "sector_identifier_uri": uri,
    });
    let mut texts = std::collections::BTreeSet::new();
    let mut refuse = |answer| {
        let (error, description) = refusal(&answer);
        assert_eq!(error, "invalid_client_metadata");
        texts.insert(description);
    };
    refuse(house.register(None, &wanted).await);
    for body in [
        "",
        "{}",
        "[1]",
        "[]",
        r#"["https://a.example/cb"]"#,
        r#"["https://a.example/cb","https://b.example/cb/"]"#,
        r#"["https://a.example/cb","https://b.example/cb",null]"#,
        r#"{"redirect_uris":["https://a.example/cb","https://b.example/cb"]}"#,
        "<html>",
    ] {
        sites.put(uri, body);
        refuse(house.register(None, &wanted).await);
    }
    sites.put(
        uri,
        r#"["https://x.example/","https://b.example/cb","https://a.example/cb"]"#,
    );
    let own = house.register(None, &wanted).await;
    assert_eq!(own.status, 201, "{own:?}");
    // A change is looked up again.
    let mut wider = wanted.clone();
    wider["client_id"] = own.json["client_id"].clone();
    wider["redirect_uris"] = json!(["https://a.example/cb", "https://evil.example/cb"]);
    refuse(house.managed(Method::PUT, &own, &wider).await);
    assert_eq!(texts.len(), 1, "{texts:?}");
    // Nothing is fetched for an address that may not be, or for one who may not register.
    let before = sites.asked();
    for bad in [
        "http://sector.example/",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "https://u@sector.example/",
    ] {
        let answer = house
            .register(None, &app(json!({ "sector_identifier_uri": bad })))
            .await;
        assert!(refusal(&answer).1.starts_with("sector_identifier_uri must"));
    }
    assert_eq!(sites.asked(), before);
}

#[tokio::test]
async fn threat_46_every_wrong_token_and_unknown_client_look_the_same() {
    let house = open_house().await;
    let own = house.registered(json!({})).await;
    let other = house.registered(json!({})).await;
    let digest = crate::ground::Digest32::of(SECRET).to_text();
    let planted = json!({ "_registered_by_itself": { "digest": digest, "open": false } });
    house.client("operators", planted).await;
    let path = |id: &str| format!("/oauth/register?client_id={id}");
    let (mine, theirs) = (own.text("registration_access_token"), path_of(&other));
    let mut seen = Vec::new();
    for (path, token) in [
        (theirs.as_str(), mine),
        (&path_of(&own), "x"),
        (&path("nobody"), mine),
        (&path("operators"), mine),
        (&path("operators"), SECRET),
        (&path(""), mine),
        (&path("%00"), mine),
        ("/oauth/register", mine),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = house.registration(method, path, Some(token), "{}").await;
            seen.push((
                answer.status,
                answer.json.to_string(),
                format!("{:?}", answer.headers),
            ));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].0, 401);
    house.managed(Method::GET, &other, &Value::Null).await.ok();
    let both = format!("{}&client_id=x", path_of(&own));
    let answer = house.registration(Method::GET, &both, Some(mine), "").await;
    answer.refused_as("invalid_request");
}

#[tokio::test]
async fn threat_48_registrations_from_one_address_are_bounded() {
    let throttle = ThrottlePolicy { limit: 3, ..wide() };
    let house = house_where(Registration::open().throttle(throttle)).await;
    let own = house.registered(json!({})).await;
    for _ in 0..2 {
        house.register(None, &json!({})).await;
    }
    let refused = house.register(None, &app(json!({}))).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers[RETRY_AFTER], "60");
    let replaced = house.managed(Method::PUT, &own, &app(json!({}))).await;
    assert_eq!(replaced.status, 429);
    assert_eq!(house.wing.clients(None, 100).await.unwrap().len(), 1);
    house.advance(Duration::from_mins(1));
    house.registered(json!({})).await;
}

#[tokio::test]
async fn threat_48_initial_access_tokens_are_pruned() {
    use crate::store::Backend as _;
    let house = house_where(Registration::by_token()).await;
    let token = house
        .wing
        .issue_registration_token(Duration::from_mins(1), Some(1))
        .await
        .unwrap();
    assert_eq!(
        house.register(Some(&token), &app(json!({}))).await.status,
        201
    );
    house.advance(Duration::from_hours(1));
    // The token, the use of it, and the counter that was taken back.
    assert!(house.store.prune(house.now(), 100).await.unwrap() >= 2);
}

#[tokio::test]
async fn threat_50_registration_tokens_are_digests_at_rest() {
    let house = house_where(Registration::by_token()).await;
    let leave = house
        .wing
        .issue_registration_token(Duration::from_mins(1), None)
        .await
        .unwrap();
    let own = house.register(Some(&leave), &app(json!({}))).await;
    let clients = house.wing.clients(None, 10).await.unwrap();
    let stored = serde_json::to_string(&clients).unwrap();
    let token = own.text("registration_access_token");
    let secret = own.text("client_secret");
    assert!(!stored.contains(token) && !stored.contains(secret) && !stored.contains(&**leave));
    let digest = crate::ground::Digest32::of(token).to_text();
    assert!(stored.contains(&digest));
    // Whoever reads the store has nothing to show.
    house
        .registration(Method::GET, &path_of(&own), Some(&digest), "")
        .await
        .refused_as("invalid_token");
    let proof = Proof::Bearer(token);
    house
        .get("/oauth/userinfo", proof)
        .await
        .refused_as("invalid_token");
}
