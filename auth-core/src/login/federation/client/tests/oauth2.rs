//! Providers that speak OAuth 2 alone.

use super::*;
use crate::login::federation::{EmailVerified, ProfileMap};

const MAP: ProfileMap = ProfileMap {
    subject: &["/id"],
    email: &["/email"],
    email_verified: EmailVerified::PrimaryOf {
        list: "/emails",
        address: "email",
        primary: "primary",
        verified: "verified",
    },
    username: &["/login"],
    name: &["/name"],
    given_name: &[],
    family_name: &[],
    picture: &[],
    locale: &[],
};

/// A provider in the manner of GitHub.
async fn hub() -> Bench {
    hub_with(|upstream| upstream.scopes(["user:email"])).await
}

async fn hub_with(change: impl FnOnce(Upstream) -> Upstream) -> Bench {
    Bench::with(|upstream| {
        let crate::login::federation::upstream::Protocol::OpenId { issuer, .. } =
            &upstream.protocol
        else {
            panic!("an OpenID provider")
        };
        let authorize = format!("{issuer}/authorize");
        let hub = Upstream::oauth2("corp", authorize, format!("{issuer}/token"), CLIENT)
            .secret_in_header(SECRET)
            .issuer("https://hub.example.com")
            .user_info(format!("{issuer}/user"))
            .api_call("emails", format!("{issuer}/user/emails"))
            .profile(MAP);
        change(hub)
    })
    .await
}

fn octo(user: Value) -> FakePerson {
    let emails = json!([
        { "email": "old@example.com", "primary": false, "verified": true },
        { "email": "octo@example.com", "primary": true, "verified": true },
    ]);
    FakePerson::new("x")
        .api("/user", user)
        .api("/user/emails", emails)
}

async fn who(bench: &Bench, user: Value) -> Result<Proven, ClientError> {
    bench.sign_in_asking(&Ask::default(), &octo(user)).await
}

#[tokio::test]
async fn who_came_is_asked_of_the_api() {
    let bench = hub().await;
    let user = json!({ "id": 583_231, "login": "octo", "name": null, "email": null });
    let proven = who(&bench, user).await.ok().unwrap();
    assert_eq!(proven.issuer, "https://hub.example.com");
    assert_eq!(proven.subject, "583231");
    assert_eq!(proven.profile.username.as_deref(), Some("octo"));
    assert_eq!(proven.profile.email.as_deref(), Some("octo@example.com"));
    assert!(proven.profile.email_verified);
    assert_eq!(proven.claims["emails"][0]["email"], "old@example.com");
    assert!(proven.id_token.is_none());
    let asked = bench.provider.requests("/user").remove(0);
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert!(
        asked
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("auth-core/"))
    );
    assert_eq!(bench.provider.hits("/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn the_request_is_one_of_oauth_2() {
    let bench = hub().await;
    let secrets = bench.client.draw(&SystemRandom);
    let ask = Ask {
        max_age: Some(1),
        acr_values: Some("x".to_owned()),
        ..Ask::default()
    };
    let url = bench
        .client
        .authorization_url(&secrets, &ask, bench.now())
        .await
        .unwrap();
    for absent in ["nonce=", "openid", "max_age=", "acr_values="] {
        assert!(!url.contains(absent), "{url}");
    }
    assert!(url.contains("code_challenge_method=S256") && url.contains("scope=user%3Aemail"));
}

#[tokio::test]
async fn threat_07_nobody_without_a_subject() {
    let bench = hub().await;
    for user in [
        json!({ "login": "octo" }),
        json!({ "id": null }),
        json!({ "id": "" }),
        json!({ "id": " " }),
        json!({ "id": true }),
        json!({ "id": 1.5 }),
        json!({ "id": {} }),
        json!({ "id": [1] }),
        json!({ "id": "x".repeat(256) }),
    ] {
        let refused = who(&bench, user.clone()).await;
        assert_eq!(outcome(&refused), "user_info_subject", "{user}");
    }
    let proven = who(&bench, json!({ "id": "007" })).await.ok().unwrap();
    assert_eq!(proven.subject, "007");
}

#[tokio::test]
async fn what_is_withheld_is_not_there() {
    let bench = hub().await;
    // The root cannot speak for the other call.
    let liar = json!([{ "email": "victim@example.com", "primary": true, "verified": true }]);
    let user = json!({ "id": 1, "email": "public@example.com", "emails": liar });
    for status in [403, 404] {
        let reply = FakeReply::json(status, &json!({ "message": "no" }));
        bench
            .provider
            .bend(|faults| faults.reply("/user/emails", reply));
        let proven = who(&bench, user.clone()).await.ok().unwrap();
        assert!(!proven.profile.email_verified);
        assert_ne!(proven.profile.email.as_deref(), Some("victim@example.com"));
    }
}

#[tokio::test]
async fn apis_in_no_order() {
    let bench = hub().await;
    let huge = json!({ "id": "x".repeat(70_000) });
    for (reply, expected) in [
        (FakeReply::json(401, &json!({ "id": 1 })), "user_info"),
        (FakeReply::json(403, &json!({ "id": 1 })), "user_info"),
        (FakeReply::json(200, &json!([{ "id": 1 }])), "user_info"),
        (
            FakeReply::new(200, "application/json", r#"{"id":1,"id":2}"#),
            "user_info",
        ),
        (FakeReply::html(200, "<script>"), "down: API"),
        (FakeReply::html(503, "<script>"), "down: API"),
        (FakeReply::json(200, &huge), "down: API"),
        (
            FakeReply::redirect("https://evil.example.com/"),
            "down: API",
        ),
    ] {
        bench.provider.bend(|faults| faults.reply("/user", reply));
        let refused = who(&bench, json!({ "id": 1 })).await;
        assert_eq!(outcome(&refused), expected);
    }
}

#[tokio::test]
async fn threat_37_an_issuer_of_another_origin() {
    let bench = hub().await;
    for (iss, expected) in [
        (None, "proven"),
        (Some("https://hub.example.com".to_owned()), "proven"),
        (Some(bench.provider.url("/login/oauth")), "proven"),
        (Some("https://evil.example.com".to_owned()), "issuer"),
        (Some("data:text/html,x".to_owned()), "issuer"),
        (Some(String::new()), "issuer"),
    ] {
        bench.provider.bend(|faults| {
            faults.response = vec![("iss".to_owned(), iss.clone())];
        });
        let result = who(&bench, json!({ "id": 1 })).await;
        assert_eq!(outcome(&result), expected, "{iss:?}");
    }
}

#[tokio::test]
async fn threat_38_pkce_with_oauth_2_too() {
    let bench = hub().await;
    let person = octo(json!({ "id": 1 }));
    let (_, response) = bench.asked(&Ask::default(), &person).await;
    let others = bench.client.draw(&SystemRandom);
    let injected = bench.redeem(&others, &response).await;
    assert_eq!(outcome(&injected), "invalid_grant");
}

#[tokio::test]
async fn nothing_to_sign_out_of_and_no_logout_tokens() {
    let bench = hub().await;
    let url = bench
        .client
        .end_session_url(None, BACK, "s", bench.now())
        .await;
    assert_eq!(url, None);
    let token = bench.provider.logout_token(CLIENT, Some("1"), None);
    let refused = bench.client.check_logout_token(&token, bench.now()).await;
    assert_eq!(reason(&refused.err().unwrap().error), "logout_token_issuer");
}

/// Where the app's registration decides alone, nothing is asked for: an empty `scope` is none of RFC 6749 §3.3.
#[tokio::test]
async fn no_scopes_are_no_parameter() {
    for (change, scope) in [
        ((|upstream| upstream) as fn(Upstream) -> Upstream, None),
        (|upstream| upstream.scopes(["a", "b"]), Some("a b")),
    ] {
        let bench = hub_with(change).await;
        let secrets = bench.client.draw(&SystemRandom);
        let url = bench
            .client
            .authorization_url(&secrets, &Ask::default(), bench.now())
            .await;
        let url = url::Url::parse(&url.unwrap()).unwrap();
        let asked = url.query_pairs().find(|(name, _)| name == "scope");
        assert_eq!(asked.map(|(_, scope)| scope).as_deref(), scope, "{url}");
    }
}
