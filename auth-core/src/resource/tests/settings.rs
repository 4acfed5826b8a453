//! Settings that cannot work are refused at the start.

use super::*;

fn refused(settings: Resource, with_local: bool) -> &'static str {
    Bench::build(settings, with_local, OutboundPolicy::default())
        .map_or_else(|error| error.setting, |_| "none")
}

#[test]
fn an_issuer_is_needed() {
    assert_eq!(refused(Resource::default(), false), "issuer");
    assert_eq!(refused(Resource::default(), true), "none");
    let remote = Resource::default().issuer("https://issuer.example", "urn:api");
    assert_eq!(refused(remote, false), "none");
}

#[test]
fn threat_44_issuers_are_public_https_urls() {
    for issuer in [
        "",
        "issuer.example",
        "http://issuer.example",
        "http://localhost:3000",
        "https://127.0.0.1",
        "https://[::ffff:10.0.0.1]/",
        "https://user@issuer.example",
        "https://issuer.example?x",
        "https://issuer.example#x",
        BASE,
    ] {
        let settings = Resource::default().issuer(issuer, "urn:api");
        assert_eq!(refused(settings, true), "issuer", "{issuer}");
    }
}

#[test]
fn figures_have_bounds() {
    let resource = Resource::default;
    for (settings, name) in [
        (resource().algorithms([]), "algorithms"),
        (resource().leeway(Duration::from_secs(301)), "leeway"),
        (
            resource().keys_max_age(Duration::from_secs(29)),
            "keys_max_age",
        ),
        (
            resource().keys_max_age(Duration::from_hours(25)),
            "keys_max_age",
        ),
        (resource().audience(""), "audience"),
        (resource().issuer("https://issuer.example", ""), "audience"),
        (
            resource().introspection_cache(Duration::from_secs(3601)),
            "introspection_cache",
        ),
        (
            resource().introspection_cache_entries(0),
            "introspection_cache_entries",
        ),
        (
            resource().introspection_cache_entries(1_000_001),
            "introspection_cache_entries",
        ),
        (
            introspect("https://i.example", "https://i.example/ask", ""),
            "audience",
        ),
        (resource().realm("a\"b"), "realm"),
        (resource().realm("a\\b"), "realm"),
        (resource().realm("a\nb"), "realm"),
    ] {
        assert_eq!(refused(settings, true), name);
    }
}

fn introspect(issuer: &str, endpoint: &str, audience: &str) -> Resource {
    let credentials = ClientCredentials::new("api", "hush");
    Resource::default().introspect(issuer, endpoint, credentials, audience)
}

#[test]
fn an_introspecting_issuer_is_enough() {
    let settings = || introspect("https://i.example", "https://i.example/ask", "urn:api");
    assert_eq!(refused(settings(), false), "none");
    let beside = settings().issuer("https://issuer.example", "urn:api");
    assert_eq!(refused(beside, true), "none");
}

#[test]
fn one_issuer_is_asked_and_the_error_says_what_to_do() {
    let settings = || introspect("https://i.example", "https://i.example/ask", "urn:api");
    let give = |settings: Resource, issuer: &str, endpoint: &str, secret: &str| {
        let credentials = ClientCredentials::new("api", secret);
        settings.introspect(issuer, endpoint, credentials, "urn:other")
    };
    let same = give(
        settings(),
        "https://i.example",
        "https://i.example/ask",
        "hush",
    );
    assert_eq!(refused(same, true), "none");
    for (settings, fix) in [
        (
            give(
                settings(),
                "https://j.example",
                "https://j.example/ask",
                "hush",
            ),
            "take out",
        ),
        (
            give(
                settings(),
                "https://i.example",
                "https://i.example/other",
                "hush",
            ),
            "give the same",
        ),
        (
            give(
                settings(),
                "https://i.example",
                "https://i.example/ask",
                "other",
            ),
            "give the same",
        ),
        (
            settings().issuer("https://i.example", "urn:api"),
            "keep that if",
        ),
        (
            introspect(BASE, "https://i.example/ask", "urn:api"),
            ".audience(",
        ),
        (
            give(
                Resource::default(),
                "https://i.example",
                "https://i.example/ask",
                "",
            ),
            "must not be empty",
        ),
    ] {
        let refused = Bench::build(settings, true, OutboundPolicy::default());
        let error = refused.map(|_| ()).unwrap_err();
        assert_eq!(error.setting, "introspect");
        assert!(error.problem.contains(fix), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn threat_44_credentials_are_for_public_https_endpoints() {
    for (issuer, endpoint) in [
        ("https://i.example", ""),
        ("https://i.example", "/ask"),
        ("https://i.example", "http://i.example/ask"),
        ("https://i.example", "https://user:hush@i.example/ask"),
        ("https://i.example", "https://127.0.0.1/ask"),
        ("https://i.example", "https://[::ffff:10.0.0.1]/ask"),
        ("http://i.example", "https://i.example/ask"),
        ("https://i.example?x", "https://i.example/ask"),
    ] {
        let settings = introspect(issuer, endpoint, "urn:api");
        assert_eq!(refused(settings, true), "introspect", "{issuer} {endpoint}");
    }
}

#[test]
fn threat_50_settings_show_no_secret() {
    let shown = format!(
        "{:?}",
        introspect("https://i.example", "https://i.example/ask", "urn:api")
    );
    assert!(
        shown.contains("https://i.example/ask") && !shown.contains("hush"),
        "{shown}"
    );
}
