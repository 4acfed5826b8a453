//! Providers of OpenID Connect.

use super::{BASE, DOMAIN, ISSUER, OFFLINE_ACCESS, Offline, Place, PlaceKind, Preset, Speaks};
use crate::login::federation::profile::{EmailVerified, ProfileMap};
use crate::login::federation::upstream::{ResponseMode, SecretBy};

pub(super) static ROWS: &[Preset] = &[
    Preset {
        name: "google",
        label: "Google",
        speaks: Speaks::OpenId {
            issuer: "https://accounts.google.com",
            user_info: false,
        },
        // It knows no scope for it.
        offline: Offline {
            scopes: &[],
            parameters: &[("access_type", "offline"), ("prompt", "consent")],
        },
        note: "An address outside `gmail.com` and Workspace was verified once and may have changed hands since.",
        ..BASE
    },
    Preset {
        name: "apple",
        label: "Apple",
        speaks: Speaks::OpenId {
            issuer: "https://appleid.apple.com",
            user_info: false,
        },
        secret_by: SecretBy::AppleJwt,
        scopes: &["openid", "name", "email"],
        // It insists, once a name or an address is asked for.
        response_mode: ResponseMode::FormPost,
        profile: ProfileMap {
            username: &[],
            // Posted beside the code, unsigned, and the first time only; so never the address.
            given_name: &["/user/name/firstName"],
            family_name: &["/user/name/lastName"],
            name: &[],
            picture: &[],
            locale: &[],
            ..ProfileMap::OPENID
        },
        note: "A services id, a team id and a key for *Sign in with Apple* in place of a secret; the name comes the first time only; addresses may be relays.",
        ..BASE
    },
    Preset {
        name: "microsoft",
        label: "Microsoft",
        speaks: Speaks::OpenId {
            issuer: "https://login.microsoftonline.com/{place}/v2.0",
            user_info: false,
        },
        place: Some(Place {
            kind: PlaceKind::Tenant,
            default: Some("common"),
            shared: &["common", "organizations"],
            // The tenant that all personal accounts are in, and that its metadata names as issuer.
            aliases: &[("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")],
            example: "common",
        }),
        offline: OFFLINE_ACCESS,
        profile: ProfileMap {
            // Whoever runs a tenant writes into `email` what they like; only this optional claim says otherwise.
            email_verified: EmailVerified::At(&["/xms_edov"]),
            username: &["/preferred_username"],
            picture: &[],
            ..ProfileMap::OPENID
        },
        note: "`email` is what the tenant's administrator wrote, so never verified, unless the app registration adds the optional claim `xms_edov`.",
        ..BASE
    },
    Preset {
        name: "gitlab",
        label: "GitLab",
        speaks: Speaks::OpenId {
            issuer: "https://{place}",
            user_info: true,
        },
        place: Some(Place {
            default: Some("gitlab.com"),
            example: "gitlab.example.com",
            ..DOMAIN
        }),
        note: "Self-managed instances by their domain.",
        ..BASE
    },
    Preset {
        name: "slack",
        label: "Slack",
        speaks: Speaks::OpenId {
            issuer: "https://slack.com",
            user_info: false,
        },
        // Only for apps that switched it on, for good; `nonce` binds the answer.
        uses_pkce: false,
        profile: ProfileMap {
            username: &[],
            picture: &["/picture", "/https:~1~1slack.com~1user_image_192"],
            ..ProfileMap::OPENID
        },
        note: "The subject is a member of one workspace: the same person in two workspaces is two.",
        ..BASE
    },
    Preset {
        name: "twitch",
        label: "Twitch",
        speaks: Speaks::OpenId {
            issuer: "https://id.twitch.tv/oauth2",
            user_info: false,
        },
        scopes: &["openid", "user:read:email"],
        parameters: &[(
            "claims",
            r#"{"id_token":{"email":null,"email_verified":null,"picture":null,"preferred_username":null}}"#,
        )],
        note: "Needs two-factor sign-in on the account that registers the app.",
        ..BASE
    },
    Preset {
        name: "yahoo",
        label: "Yahoo",
        speaks: Speaks::OpenId {
            issuer: "https://api.login.yahoo.com",
            user_info: true,
        },
        secret_by: SecretBy::Basic,
        note: "The app needs the OpenID Connect permissions *email* and *profile*.",
        ..BASE
    },
    Preset {
        name: "salesforce",
        label: "Salesforce",
        speaks: Speaks::OpenId {
            issuer: "https://{place}",
            user_info: true,
        },
        place: Some(Place {
            default: Some("login.salesforce.com"),
            example: "acme.my.salesforce.com",
            ..DOMAIN
        }),
        offline: Offline {
            scopes: &["refresh_token"],
            parameters: &[],
        },
        profile: ProfileMap {
            picture: &["/photos/picture", "/picture"],
            ..ProfileMap::OPENID
        },
        note: "Sandboxes and *My Domain* by their domain (`test.salesforce.com`).",
        ..BASE
    },
    Preset {
        name: "huggingface",
        label: "Hugging Face",
        speaks: Speaks::OpenId {
            issuer: "https://huggingface.co",
            user_info: true,
        },
        note: "",
        ..BASE
    },
    Preset {
        name: "okta",
        label: "Okta",
        speaks: Speaks::OpenId {
            issuer: "https://{place}",
            user_info: true,
        },
        place: Some(Place {
            example: "acme.okta.com",
            ..DOMAIN
        }),
        secret_by: SecretBy::Basic,
        offline: OFFLINE_ACCESS,
        note: "A custom authorization server is part of the domain: `acme.okta.com/oauth2/default`.",
        ..BASE
    },
    Preset {
        name: "auth0",
        label: "Auth0",
        speaks: Speaks::OpenId {
            issuer: "https://{place}/",
            user_info: false,
        },
        place: Some(Place {
            example: "acme.eu.auth0.com",
            ..DOMAIN
        }),
        offline: OFFLINE_ACCESS,
        note: "What `email_verified` is worth depends on the connections behind it.",
        ..BASE
    },
    Preset {
        name: "keycloak",
        label: "Keycloak",
        speaks: Speaks::OpenId {
            issuer: "{place}",
            user_info: false,
        },
        place: Some(Place {
            example: "https://sso.example.com/realms/staff",
            ..ISSUER
        }),
        offline: OFFLINE_ACCESS,
        note: "",
        ..BASE
    },
    Preset {
        name: "cognito",
        label: "Amazon Cognito",
        speaks: Speaks::OpenId {
            issuer: "{place}",
            user_info: false,
        },
        place: Some(Place {
            example: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
            ..ISSUER
        }),
        secret_by: SecretBy::Basic,
        profile: ProfileMap {
            username: &["/cognito:username", "/preferred_username"],
            ..ProfileMap::OPENID
        },
        note: "The issuer is that of the user pool, not the domain of its sign-in pages.",
        ..BASE
    },
    Preset {
        name: "zitadel",
        label: "Zitadel",
        speaks: Speaks::OpenId {
            issuer: "https://{place}",
            user_info: true,
        },
        place: Some(Place {
            example: "acme-a1b2c3.zitadel.cloud",
            ..DOMAIN
        }),
        secret_by: SecretBy::Basic,
        offline: OFFLINE_ACCESS,
        note: "",
        ..BASE
    },
    Preset {
        name: "authentik",
        label: "authentik",
        speaks: Speaks::OpenId {
            issuer: "{place}",
            user_info: false,
        },
        place: Some(Place {
            example: "https://sso.example.com/application/o/app/",
            ..ISSUER
        }),
        secret_by: SecretBy::Basic,
        offline: OFFLINE_ACCESS,
        note: "Its issuer ends in a slash.",
        ..BASE
    },
];
