//! GitHub, and GitHub on premises.

use super::oauth2::get;
use super::{BASE, Call, DOMAIN, Place, Preset, Speaks};
use crate::login::federation::profile::{EmailVerified, ProfileMap};

const GITHUB_HEADERS: &[(&str, &str)] = &[
    ("accept", "application/vnd.github+json"),
    ("x-github-api-version", "2022-11-28"),
];

const GITHUB_PROFILE: ProfileMap = ProfileMap {
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
    picture: &["/avatar_url"],
    ..ProfileMap::EMPTY
};

pub(super) static ROWS: &[Preset] = &[
    Preset {
        name: "github",
        label: "GitHub",
        speaks: Speaks::OAuth2 {
            issuer: "https://github.com/login/oauth",
            authorize: "https://github.com/login/oauth/authorize",
            token: "https://github.com/login/oauth/access_token",
            calls: &[
                Call {
                    headers: GITHUB_HEADERS,
                    ..get("https://api.github.com/user")
                },
                // The profile has the public address only, and does not say whose word it is.
                Call {
                    name: "emails",
                    headers: GITHUB_HEADERS,
                    ..get("https://api.github.com/user/emails")
                },
            ],
        },
        scopes: &["read:user", "user:email"],
        profile: GITHUB_PROFILE,
        note: "A GitHub App needs the account permission *Email addresses: read*.",
        ..BASE
    },
    Preset {
        name: "ghes",
        label: "GitHub Enterprise Server",
        speaks: Speaks::OAuth2 {
            issuer: "https://{place}/login/oauth",
            authorize: "https://{place}/login/oauth/authorize",
            token: "https://{place}/login/oauth/access_token",
            calls: &[
                Call {
                    headers: GITHUB_HEADERS,
                    ..get("https://{place}/api/v3/user")
                },
                Call {
                    name: "emails",
                    headers: GITHUB_HEADERS,
                    ..get("https://{place}/api/v3/user/emails")
                },
            ],
        },
        place: Some(Place {
            example: "github.example.com",
            ..DOMAIN
        }),
        scopes: &["read:user", "user:email"],
        // Not every version that is in use looks at it.
        uses_pkce: false,
        profile: GITHUB_PROFILE,
        note: "Your own instance, by its domain; whether an address is verified is that instance's word.",
        ..BASE
    },
];
