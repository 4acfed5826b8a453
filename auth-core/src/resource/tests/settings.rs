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
        (resource().realm("a\"b"), "realm"),
        (resource().realm("a\\b"), "realm"),
        (resource().realm("a\nb"), "realm"),
    ] {
        assert_eq!(refused(settings, true), name);
    }
}
