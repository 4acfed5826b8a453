use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{PLACE, Preset, Speaks, all, find};
use crate::login::federation::profile::{self, EmailVerified, Profile};
use crate::login::federation::upstream::{IssuerRule, Protocol, SecretBy, Upstream};

/// These take no `scope`: the app's registration decides.
const WITHOUT_SCOPES: &[&str] = &["zoom", "notion"];

/// A document in the shape that the provider gives, and what is read from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    document: Value,
    subject: String,
    profile: Profile,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/login/federation/preset/fixtures")
}

fn fixture(preset: &Preset) -> Fixture {
    let path = folder().join(format!("{}.json", preset.name));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The row as an operator would use it.
fn used(preset: &Preset) -> Upstream {
    let upstream = Upstream::preset(preset.name, "client-1");
    let upstream = match &preset.place {
        Some(place) => upstream.place(place.kind, place.example),
        None => upstream,
    };
    if preset.secret_by == SecretBy::AppleJwt {
        let (team_id, key_id, pem) = crate::login::federation::upstream::testing::apple_key();
        return upstream.apple_key(team_id, key_id, &pem);
    }
    upstream.secret("secret-1")
}

fn addresses(protocol: &Protocol) -> Vec<&str> {
    match protocol {
        Protocol::OpenId { issuer, .. } => vec![issuer],
        Protocol::OAuth2 {
            issuer,
            authorization_endpoint,
            token_endpoint,
            calls,
        } => [issuer, authorization_endpoint, token_endpoint]
            .into_iter()
            .chain(calls.iter().map(|call| &call.url))
            .map(String::as_str)
            .collect(),
    }
}

#[test]
fn every_row_is_whole() {
    assert!(all().count() >= 24);
    let names: BTreeSet<_> = all().map(|preset| preset.name).collect();
    assert_eq!(names.len(), all().count(), "names are unique");
    let prefixes: BTreeSet<_> = all().map(Preset::prefix).collect();
    assert_eq!(prefixes.len(), all().count(), "variables are unique");
    assert!(
        !prefixes.contains("OIDC"),
        "that is the one of any provider"
    );
    for preset in all() {
        let name = preset.name;
        assert!(
            find(name).is_some_and(|found| std::ptr::eq(found, preset)),
            "{name}"
        );
        assert_eq!(
            preset.scopes.is_empty(),
            WITHOUT_SCOPES.contains(&name),
            "{name}"
        );
        let upstream = used(preset);
        upstream
            .validate()
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(!upstream.label.is_empty() && upstream.name == name);
        for address in addresses(&upstream.protocol) {
            let url =
                Url::parse(address).unwrap_or_else(|error| panic!("{name}: {address}: {error}"));
            assert_eq!(url.scheme(), "https", "{name}: {address}");
            assert!(!address.contains(['{', '}']), "{name}: {address}");
        }
        assert!(!preset.profile.subject.is_empty(), "{name}");
        match &preset.speaks {
            Speaks::OpenId { issuer, .. } => {
                assert_eq!(issuer.contains(PLACE), preset.place.is_some(), "{name}");
                assert!(preset.scopes.contains(&"openid"), "{name}");
                assert_eq!(
                    preset.profile.subject,
                    ["/sub"],
                    "{name}: as the ID token has it"
                );
            }
            Speaks::OAuth2 { calls, .. } => {
                assert_eq!(
                    preset.profile.subject.len(),
                    1,
                    "{name}: one place, or people change"
                );
                let roots = calls.iter().filter(|call| call.name.is_empty()).count();
                assert_eq!(roots, 1, "{name}");
                for call in *calls {
                    for (header, value) in call.headers {
                        http::HeaderName::from_static(header);
                        http::HeaderValue::from_static(value);
                    }
                }
            }
        }
    }
}

#[test]
fn issuers_are_nobody_elses() {
    let protocols: Vec<_> = all().map(|preset| used(preset).protocol).collect();
    let issuers: BTreeSet<_> = protocols.iter().map(|it| addresses(it)[0]).collect();
    assert_eq!(issuers.len(), protocols.len());
}

#[test]
fn threat_09_no_row_brings_trust_along() {
    for preset in all() {
        for upstream in [
            used(preset),
            used(preset).name("other"),
            used(preset).keep_tokens(),
        ] {
            assert!(!upstream.trusts_email, "{}", preset.name);
            assert!(!upstream.trusts_authentication, "{}", preset.name);
        }
        assert!(
            !used(preset).keeps_tokens && !used(preset).signs_out,
            "{}",
            preset.name
        );
    }
}

#[test]
fn every_row_reads_what_its_provider_says() {
    for preset in all() {
        let Fixture {
            document,
            subject,
            profile,
        } = fixture(preset);
        let map = &preset.profile;
        assert_eq!(profile::read(map, &document), profile, "{}", preset.name);
        assert_eq!(
            profile::subject(map, &document),
            Some(subject),
            "{}",
            preset.name
        );
    }
}

#[test]
fn every_fixture_has_its_row() {
    let files = fs::read_dir(folder()).unwrap();
    let names = files.map(|file| {
        file.unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    let names: BTreeSet<_> = names.collect();
    let rows: BTreeSet<_> = all().map(|preset| preset.name.to_owned()).collect();
    assert_eq!(names, rows);
}

#[test]
fn every_part_of_a_map_is_in_its_fixture() {
    for preset in all() {
        // Of the standard claims, few providers have all.
        if matches!(preset.speaks, Speaks::OpenId { .. }) {
            continue;
        }
        let Fixture { profile, .. } = fixture(preset);
        let map = &preset.profile;
        let has_list = matches!(map.email_verified, EmailVerified::PrimaryOf { .. });
        for (what, is_mapped, is_there) in [
            (
                "email",
                has_list || !map.email.is_empty(),
                profile.email.is_some(),
            ),
            (
                "username",
                !map.username.is_empty(),
                profile.username.is_some(),
            ),
            ("name", !map.name.is_empty(), profile.name.is_some()),
            (
                "given_name",
                !map.given_name.is_empty(),
                profile.given_name.is_some(),
            ),
            (
                "family_name",
                !map.family_name.is_empty(),
                profile.family_name.is_some(),
            ),
            (
                "picture",
                !map.picture.is_empty(),
                profile.picture.is_some(),
            ),
            ("locale", !map.locale.is_empty(), profile.locale.is_some()),
        ] {
            assert_eq!(is_mapped, is_there, "{}: {what}", preset.name);
        }
    }
}

#[test]
fn threat_07_no_row_makes_a_subject_of_nothing() {
    for preset in all() {
        let pointer = preset.profile.subject[0];
        for bad in [
            json!(null),
            json!(""),
            json!(" "),
            json!(true),
            json!(1.5),
            json!([]),
            json!({}),
        ] {
            let mut document = fixture(preset).document;
            *document.pointer_mut(pointer).unwrap() = bad.clone();
            assert_eq!(
                profile::subject(&preset.profile, &document),
                None,
                "{}: {bad}",
                preset.name
            );
        }
        assert_eq!(profile::subject(&preset.profile, &json!({})), None);
    }
}

#[test]
fn threat_31_no_row_takes_silence_for_a_verified_address() {
    for preset in all() {
        let mut document = fixture(preset).document;
        let name = preset.name;
        match preset.profile.email_verified {
            EmailVerified::At(pointers) | EmailVerified::All(pointers) => {
                for pointer in pointers {
                    let mut document = document.clone();
                    *document
                        .pointer_mut(pointer)
                        .unwrap_or_else(|| panic!("{name}: {pointer}")) = json!(false);
                    assert!(
                        !profile::read(&preset.profile, &document).email_verified,
                        "{name}"
                    );
                }
            }
            EmailVerified::PrimaryOf {
                list,
                primary,
                verified,
                ..
            } => {
                for entry in document.pointer_mut(list).unwrap().as_array_mut().unwrap() {
                    let is_primary = entry[primary] == json!(true);
                    entry[verified] = json!(!is_primary);
                }
                let profile = profile::read(&preset.profile, &document);
                assert!(profile.email.is_some() && !profile.email_verified, "{name}");
            }
            EmailVerified::Never => {
                let words = [
                    "email_verified",
                    "verified",
                    "verified_email",
                    "is_email_verified",
                ];
                for word in words {
                    document[word] = json!(true);
                }
                assert!(
                    !profile::read(&preset.profile, &document).email_verified,
                    "{name}"
                );
            }
            EmailVerified::Always => {
                assert_eq!(name, "x", "say why another is always verified");
                *document.pointer_mut(preset.profile.email[0]).unwrap() = json!(null);
                assert!(!profile::read(&preset.profile, &document).email_verified);
            }
        }
    }
}

#[test]
fn microsoft_has_tenants_of_their_own() {
    let protocol = |tenant: Option<&str>| {
        let upstream = Upstream::preset("microsoft", "client-1").secret("secret-1");
        let upstream = match tenant {
            Some(tenant) => upstream.tenant(tenant),
            None => upstream,
        };
        upstream.validate().map_err(|error| error.problem)?;
        match upstream.protocol {
            Protocol::OpenId {
                issuer, issuers, ..
            } => Ok((issuer, issuers)),
            Protocol::OAuth2 { .. } => Err("OAuth 2".to_owned()),
        }
    };
    let at = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let tenant = "6f1d2c3b-4a5e-4b6c-8d7e-9f0a1b2c3d4e";
    assert_eq!(protocol(None), Ok((at("common"), IssuerRule::Tenant)));
    assert_eq!(
        protocol(Some("organizations")),
        Ok((at("organizations"), IssuerRule::Tenant))
    );
    assert_eq!(protocol(Some(tenant)), Ok((at(tenant), IssuerRule::Exact)));
    assert_eq!(
        protocol(Some(&tenant.to_uppercase())),
        Ok((at(tenant), IssuerRule::Exact))
    );
    let personal = at("9188040d-6c67-4c5b-b112-36a304b66dad");
    assert_eq!(
        protocol(Some("consumers")),
        Ok((personal, IssuerRule::Exact))
    );
    assert_eq!(
        protocol(Some(" common ")),
        Ok((at("common"), IssuerRule::Tenant))
    );
    for bad in ["contoso.example", "", "common/../x", "6f1d2c3b", "Common"] {
        let problem = protocol(Some(bad)).unwrap_err();
        assert!(problem.contains("neither a UUID"), "{bad}: {problem}");
    }
    let mut document = fixture(find("microsoft").unwrap()).document;
    document["email_verified"] = json!(true);
    document.as_object_mut().unwrap().remove("xms_edov");
    let profile = profile::read(&find("microsoft").unwrap().profile, &document);
    assert!(profile.email.is_some() && !profile.email_verified);
}

fn table() -> String {
    let mut table = String::from(
        "| preset | provider | variables | verified address | |\n|---|---|---|---|---|\n",
    );
    for preset in all() {
        let prefix = preset.prefix();
        let mut variables = if preset.secret_by == SecretBy::AppleJwt {
            format!("`{prefix}_CLIENT_ID`, `_TEAM_ID`, `_KEY_ID`, `_PRIVATE_KEY`")
        } else {
            format!("`{prefix}_CLIENT_ID`, `_CLIENT_SECRET`")
        };
        if let Some(place) = &preset.place {
            let suffix = place.kind.method().to_ascii_uppercase();
            let default = match place.default {
                Some(default) => format!(" (`{default}`)"),
                None => String::new(),
            };
            let _ = write!(variables, ", `_{suffix}`{default}");
        }
        let has_address = !preset.profile.email.is_empty();
        let verified = match preset.profile.email_verified {
            EmailVerified::Never if has_address => "never",
            EmailVerified::Never => "no address",
            EmailVerified::Always => "always",
            _ => "as it says",
        };
        let row = format!(
            "| `{}` | {} | {variables} | {verified} | {} |",
            preset.name, preset.label, preset.note
        );
        table.push_str(&row.replace("  |", " |"));
        table.push('\n');
    }
    table
}

#[test]
fn the_guide_has_every_row() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sign-in-with.md");
    let guide = fs::read_to_string(guide).unwrap();
    let table = table();
    assert!(
        guide.contains(&table),
        "the table of docs/sign-in-with.md should be\n{table}"
    );
}
