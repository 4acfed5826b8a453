use std::collections::HashMap;

use super::{ClientAuth, Protocol, ResponseMode, Upstream, testing};
use crate::ground::jose::{Algorithm, SigningKey};
use crate::login::ProfileMap;

fn github() -> Upstream {
    Upstream::preset("github", "client-1").secret("secret-1")
}

fn corporate() -> Upstream {
    Upstream::openid("corp", "https://idp.example.com", "client-1").secret("secret-1")
}

fn forge() -> Upstream {
    let at = |path: &str| format!("https://forge.example/{path}");
    Upstream::oauth2("forge", at("authorize"), at("token"), "client-1")
        .secret("secret-1")
        .user_info(at("me"))
        .profile(ProfileMap {
            subject: &["/id"],
            ..ProfileMap::default()
        })
}

fn apple() -> Upstream {
    let (team_id, key_id, pem) = testing::apple_key();
    Upstream::preset("apple", "com.example.web").apple_key(team_id, key_id, &pem)
}

fn problem(upstream: &Upstream) -> String {
    let error = upstream.validate().expect_err("it cannot work");
    assert_eq!(error.setting, "sign_in_with");
    error.problem
}

#[test]
fn one_of_each_kind_works() {
    for upstream in [github(), corporate(), forge(), apple()] {
        assert_eq!(upstream.validate(), Ok(()));
    }
}

#[test]
fn an_unknown_preset_names_the_known_ones() {
    assert!(problem(&Upstream::preset("GitHub", "client-1")).contains("is no preset"));
    let problem = problem(
        &Upstream::preset("gihtub", "client-1")
            .secret("secret-1")
            .domain("x"),
    );
    assert!(problem.starts_with("gihtub: is no preset"), "{problem}");
    for name in Upstream::presets() {
        assert!(problem.contains(name), "{name}");
    }
}

#[test]
fn a_secret_goes_the_way_its_provider_wants() {
    let how = |upstream: Upstream| match upstream.client_auth {
        ClientAuth::Basic(secret) => format!("basic {}", *secret),
        ClientAuth::Post(secret) => format!("post {}", *secret),
        ClientAuth::PrivateKeyJwt(key) => format!("jwt {}", key.algorithm().name()),
        ClientAuth::AppleJwt { team_id, key } => format!("apple {team_id} {}", key.kid()),
        ClientAuth::None => "none".to_owned(),
    };
    assert_eq!(how(github()), "post secret-1");
    assert_eq!(how(Upstream::preset("x", "c").secret("s")), "basic s");
    assert_eq!(how(corporate()), "basic secret-1");
    assert_eq!(how(corporate().secret_in_body("s")), "post s");
    assert_eq!(how(forge()), "post secret-1");
    assert_eq!(how(forge().secret_in_header("s")), "basic s");
    assert_eq!(how(apple()), "apple A1B2C3D4E5 F6G7H8I9J0");
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap().key;
    let signed = Upstream::preset("okta", "c")
        .domain("acme.okta.com")
        .private_key_jwt(key);
    assert_eq!(signed.validate(), Ok(()));
    assert_eq!(how(signed), "jwt EdDSA");
    let public = Upstream::openid("corp", "https://idp.example.com", "c").public_client();
    assert_eq!(public.validate(), Ok(()));
    assert_eq!(how(public), "none");
}

#[test]
fn what_is_asked_for_can_be_changed() {
    let google = || Upstream::preset("google", "c").secret("s");
    assert_eq!(google().scopes, ["openid", "profile", "email"]);
    assert_eq!(google().scopes(["email"]).scopes, ["openid", "email"]);
    assert_eq!(google().scopes(["openid"]).scopes, ["openid"]);
    assert_eq!(
        github().scopes(["repo"]).scopes,
        ["repo"],
        "OAuth 2 has no openid"
    );
    assert_eq!(
        github().add_scope("repo").add_scope("repo").scopes,
        ["read:user", "user:email", "repo"]
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(google().parameters, []);
    assert_eq!(
        google().keep_tokens().parameters,
        [pair("access_type", "offline"), pair("prompt", "consent")]
    );
    assert_eq!(
        google()
            .parameter("prompt", "login")
            .parameter("prompt", "select_account")
            .parameters,
        [pair("prompt", "select_account")]
    );
    let okta = Upstream::preset("okta", "c")
        .domain("acme.okta.com")
        .secret("s")
        .keep_tokens();
    assert!(okta.scopes.contains(&"offline_access".to_owned()) && okta.keeps_tokens);
    assert_eq!(apple().response_mode, ResponseMode::FormPost);
}

#[test]
fn a_place_goes_into_every_address() {
    let issuer = |upstream: Upstream| {
        assert_eq!(upstream.validate(), Ok(()));
        match upstream.protocol {
            Protocol::OpenId { issuer, .. } | Protocol::OAuth2 { issuer, .. } => issuer,
        }
    };
    let preset = |name: &str| Upstream::preset(name, "c").secret("s");
    assert_eq!(issuer(preset("gitlab")), "https://gitlab.com");
    assert_eq!(
        issuer(preset("gitlab").domain("git.example.com:8443")),
        "https://git.example.com:8443"
    );
    assert_eq!(
        issuer(preset("auth0").domain("acme.eu.auth0.com")),
        "https://acme.eu.auth0.com/"
    );
    assert_eq!(
        issuer(
            preset("okta")
                .domain("acme.okta.com")
                .domain("b.okta.com/oauth2/default")
        ),
        "https://b.okta.com/oauth2/default"
    );
    let realm = "https://sso.example.com/realms/staff";
    assert_eq!(issuer(preset("keycloak").issuer(realm)), realm);
    let local = "http://localhost:8080/realms/staff";
    assert_eq!(issuer(preset("keycloak").issuer(local)), local);
    assert_eq!(issuer(forge()), "https://forge.example/authorize");
    assert_eq!(
        issuer(forge().issuer("https://forge.example")),
        "https://forge.example"
    );

    let algorithms = preset("okta")
        .algorithms([Algorithm::Es256])
        .domain("acme.okta.com");
    let Protocol::OpenId { algorithms, .. } = algorithms.protocol else {
        panic!("okta speaks OpenID");
    };
    assert_eq!(
        algorithms,
        [Algorithm::Es256],
        "a later place does not undo it"
    );
}

#[test]
fn what_cannot_work_is_named() {
    let (team_id, key_id, pem) = testing::apple_key();
    let wrong_key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let preset = |name: &str| Upstream::preset(name, "c").secret("s");
    for (bad, said) in vec![
        (github().name(""), "a name is"),
        (github().name("Git"), "a name is"),
        (github().name("a/b"), "a name is"),
        (github().name("a".repeat(33)), "a name is"),
        (github().name("workos"), "taken"),
        (github().label(" "), "label"),
        (github().label("a\nb"), "label"),
        (github().label("a".repeat(65)), "label"),
        (Upstream::preset("github", "c"), "secret is missing"),
        (Upstream::preset("github", "").secret("s"), "client id"),
        (Upstream::preset("github", "c\n").secret("s"), "client id"),
        (github().secret(""), "secret is empty"),
        (preset("okta"), "give domain(…), such as acme.okta.com"),
        (preset("keycloak"), "give issuer(…)"),
        (preset("keycloak").issuer("http://sso.example.com"), "https"),
        (preset("okta").domain(""), "host name"),
        (preset("okta").domain("https://acme.okta.com"), "host name"),
        (preset("okta").domain("acme.okta.com/"), "host name"),
        (preset("okta").domain("a@b.okta.com"), "host name"),
        (preset("okta").domain("b.okta.com/../x"), "host name"),
        (preset("okta").domain("b.okta.com?x"), "host name"),
        (preset("okta").domain("b.okta.com#x"), "host name"),
        (preset("google").tenant("common"), "takes no tenant"),
        (preset("google").domain("example.com"), "takes no domain"),
        (
            preset("google").issuer("https://evil.example"),
            "takes no issuer",
        ),
        (
            preset("github").issuer("https://evil.example"),
            "takes no issuer",
        ),
        (
            corporate().issuer("https://evil.example"),
            "takes no issuer",
        ),
        (preset("apple"), "takes no secret"),
        (Upstream::preset("apple", "c"), "key is missing"),
        (
            Upstream::preset("apple", "c").apple_key(team_id, key_id, "x"),
            "PKCS#8",
        ),
        (
            Upstream::preset("apple", "c").apple_key(
                team_id,
                key_id,
                &testing::pem(&wrong_key.pkcs8),
            ),
            "PKCS#8",
        ),
        (
            Upstream::preset("apple", "c").apple_key("", key_id, &pem),
            "team id",
        ),
        (
            Upstream::preset("apple", "c").apple_key(team_id, "", &pem),
            "team id",
        ),
        (github().apple_key(team_id, key_id, &pem), "for Apple"),
        (preset("linkedin").public_client(), "PKCE"),
        (
            Upstream::openid("o", "idp.example.com", "c").secret("s"),
            "issuer",
        ),
        (
            Upstream::openid("o", "http://idp.example.com", "c").secret("s"),
            "https",
        ),
        (
            Upstream::openid("o", "http://127.0.0.1.evil.example", "c").secret("s"),
            "https",
        ),
        (
            Upstream::openid("o", "https://u:p@idp.example.com", "c").secret("s"),
            "https",
        ),
        (
            Upstream::openid("o", "https://idp.example.com#a", "c").secret("s"),
            "https",
        ),
        (
            Upstream::openid("o", "https://idp.example.com?a", "c").secret("s"),
            "query",
        ),
        (corporate().algorithms([]), "algorithms"),
        (
            corporate().user_info("https://idp.example.com/me"),
            "discovery",
        ),
        (forge().algorithms([Algorithm::Rs256]), "ID token"),
        (forge().user_info("ftp://forge.example/me"), "API call"),
        (forge().user_info("http://forge.example/me"), "API call"),
        (forge().issuer("forge"), "issuer"),
        (forge().profile(ProfileMap::default()), "subject"),
        (
            forge().profile(ProfileMap {
                subject: &["id"],
                ..ProfileMap::default()
            }),
            "JSON pointer",
        ),
        (
            forge().profile(ProfileMap {
                subject: &["/id"],
                picture: &["http://cdn.example/a"],
                ..ProfileMap::default()
            }),
            "JSON pointer",
        ),
        (
            Upstream::oauth2("o", "https://o.example/a", "https://o.example/t", "c").secret("s"),
            "user_info",
        ),
        (
            Upstream::oauth2("o", "https://o.example/a", "t", "c").secret("s"),
            "token endpoint",
        ),
        (
            Upstream::oauth2("o", "a", "https://o.example/t", "c").secret("s"),
            "issuer",
        ),
        (github().scopes(["read:user user:email"]), "no scope"),
        (github().add_scope(""), "no scope"),
        (github().parameter("state", "x"), "not yours"),
        (github().parameter("redirect_uri", "x"), "not yours"),
        (github().parameter("", "x"), "not yours"),
        (preset("facebook").trust_email(), "nothing to trust"),
    ] {
        let problem = problem(&bad);
        assert!(problem.contains(said), "{said}: {problem}");
        assert!(!problem.contains("secret-1"), "{problem}");
    }
}

#[test]
fn a_key_may_stand_on_one_line() {
    let (team_id, key_id, pem) = testing::apple_key();
    for pem in [
        pem.replace('\n', "\\n"),
        pem.replace('\n', "\r\n"),
        format!("  {pem}\n\n"),
    ] {
        let upstream = Upstream::preset("apple", "c").apple_key(team_id, key_id, &pem);
        assert_eq!(upstream.validate(), Ok(()), "{pem}");
    }
}

fn from(variables: &[(&str, &str)]) -> Result<Vec<Upstream>, String> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Upstream::from_variables(|name| variables.get(name).map(|&value| value.to_owned()))
        .map_err(|error| error.problem)
}

fn names(variables: &[(&str, &str)]) -> Vec<String> {
    let upstreams = from(variables).unwrap_or_else(|problem| panic!("{problem}"));
    upstreams
        .into_iter()
        .map(|upstream| upstream.name)
        .collect()
}

#[test]
fn the_environment_names_upstreams() {
    assert_eq!(names(&[]), [""; 0]);
    assert_eq!(
        names(&[("GITHUB_CLIENT_ID", ""), ("GITHUB_CLIENT_SECRET", " ")]),
        [""; 0]
    );
    let (team_id, key_id, pem) = testing::apple_key();
    let all = from(&[
        ("OIDC_ISSUER", "https://idp.example.com"),
        ("OIDC_CLIENT_ID", "c"),
        ("OIDC_CLIENT_SECRET", "s"),
        ("OIDC_LABEL", "Example Corp"),
        ("GITHUB_CLIENT_ID", " c "),
        ("GITHUB_CLIENT_SECRET", "s"),
        ("MICROSOFT_CLIENT_ID", "c"),
        ("MICROSOFT_CLIENT_SECRET", "s"),
        ("MICROSOFT_TENANT", "organizations"),
        ("KEYCLOAK_CLIENT_ID", "c"),
        ("KEYCLOAK_CLIENT_SECRET", "s"),
        ("KEYCLOAK_ISSUER", "https://sso.example.com/realms/staff"),
        ("GITLAB_CLIENT_ID", "c"),
        ("GITLAB_CLIENT_SECRET", "s"),
        ("APPLE_CLIENT_ID", "com.example.web"),
        ("APPLE_TEAM_ID", team_id),
        ("APPLE_KEY_ID", key_id),
        ("APPLE_PRIVATE_KEY", &pem),
    ])
    .unwrap();
    let said: Vec<_> = all
        .iter()
        .map(|upstream| {
            let issuer = match &upstream.protocol {
                Protocol::OpenId { issuer, .. } | Protocol::OAuth2 { issuer, .. } => issuer,
            };
            (
                upstream.name.as_str(),
                upstream.label.as_str(),
                issuer.as_str(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("apple", "Apple", "https://appleid.apple.com"),
            (
                "microsoft",
                "Microsoft",
                "https://login.microsoftonline.com/organizations/v2.0"
            ),
            ("gitlab", "GitLab", "https://gitlab.com"),
            (
                "keycloak",
                "Keycloak",
                "https://sso.example.com/realms/staff"
            ),
            ("github", "GitHub", "https://github.com/login/oauth"),
            ("oidc", "Example Corp", "https://idp.example.com"),
        ]
    );
    assert!(all.iter().all(|upstream| !upstream.client_id.contains(' ')));
}

/// Whoever sets any of them means a provider.
#[test]
fn a_label_alone_is_not_passed_over() {
    let problem = from(&[("OIDC_LABEL", "Example Corp")]).err().unwrap();
    assert!(
        problem.contains("OIDC_LABEL is set and OIDC_ISSUER is not"),
        "{problem}"
    );
}

#[test]
fn every_preset_is_found_in_the_environment() {
    let (team_id, key_id, pem) = testing::apple_key();
    let upstreams = Upstream::from_variables(|name| {
        let value = match name.split_once('_')?.1 {
            "TENANT" => "common",
            "DOMAIN" => "idp.example.com",
            "ISSUER" => "https://idp.example.com",
            "TEAM_ID" => team_id,
            "KEY_ID" => key_id,
            "PRIVATE_KEY" => &pem,
            "CLIENT_ID" | "CLIENT_SECRET" => "c",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap();
    let names: Vec<_> = upstreams
        .iter()
        .map(|upstream| upstream.name.as_str())
        .collect();
    let expected: Vec<_> = Upstream::presets().chain(["oidc"]).collect();
    assert_eq!(names, expected);
}

#[test]
fn half_set_variables_name_the_missing_one() {
    for (set, missing) in [
        (&["GITHUB_CLIENT_ID"][..], "GITHUB_CLIENT_SECRET"),
        (&["GITHUB_CLIENT_SECRET"], "GITHUB_CLIENT_ID"),
        (&["OIDC_ISSUER"], "OIDC_CLIENT_ID"),
        (&["OIDC_ISSUER", "OIDC_CLIENT_ID"], "OIDC_CLIENT_SECRET"),
        (&["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"], "OIDC_ISSUER"),
        (&["OKTA_CLIENT_ID", "OKTA_CLIENT_SECRET"], "OKTA_DOMAIN"),
        (&["OKTA_DOMAIN"], "OKTA_CLIENT_ID"),
        (&["MICROSOFT_TENANT"], "MICROSOFT_CLIENT_ID"),
        (
            &["APPLE_CLIENT_ID", "APPLE_TEAM_ID", "APPLE_KEY_ID"],
            "APPLE_PRIVATE_KEY",
        ),
        (&["APPLE_PRIVATE_KEY"], "APPLE_CLIENT_ID"),
    ] {
        let variables: Vec<_> = set.iter().map(|&name| (name, "value-1")).collect();
        let problem = from(&variables).err().unwrap_or_else(|| panic!("{set:?}"));
        assert!(problem.contains(&format!("{missing} is not")), "{problem}");
        assert!(set.iter().any(|name| problem.contains(name)), "{problem}");
        assert!(!problem.contains("value-1"), "{problem}");
    }
}

#[test]
fn what_cannot_work_in_the_environment_is_named() {
    let problem = from(&[
        ("OIDC_ISSUER", "http://idp.example.com"),
        ("OIDC_CLIENT_ID", "c"),
        ("OIDC_CLIENT_SECRET", "s"),
    ])
    .err()
    .unwrap();
    assert!(problem.starts_with("oidc: the issuer"), "{problem}");
}
