//! Providers of OAuth 2 alone, or of an OpenID Connect that cannot be held to its rules.

use super::{BASE, Call, OFFLINE_ACCESS, Offline, Preset, Speaks};
use crate::login::federation::profile::{EmailVerified, ProfileMap};
use crate::login::federation::upstream::SecretBy;

/// A plain request, whose answer is the document.
pub(super) const fn get(url: &'static str) -> Call {
    Call {
        name: "",
        url,
        posts: false,
        headers: &[],
    }
}

pub(super) static ROWS: &[Preset] = &[
    Preset {
        name: "facebook",
        label: "Facebook",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.facebook.com",
            authorize: "https://www.facebook.com/v24.0/dialog/oauth",
            token: "https://graph.facebook.com/v24.0/oauth/access_token",
            calls: &[get(
                "https://graph.facebook.com/v24.0/me?fields=id,name,first_name,last_name,email,picture",
            )],
        },
        scopes: &["public_profile", "email"],
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/email"],
            name: &["/name"],
            given_name: &["/first_name"],
            family_name: &["/last_name"],
            picture: &["/picture/data/url"],
            ..ProfileMap::EMPTY
        },
        note: "Does not say whether an address is verified; some people have none. The version in its URLs lives about two years.",
        ..BASE
    },
    Preset {
        name: "linkedin",
        label: "LinkedIn",
        // Its ID tokens leave out `nonce`, so who came is asked of UserInfo; and its token endpoint takes a
        // `code_verifier` for a wrong client.
        speaks: Speaks::OAuth2 {
            issuer: "https://www.linkedin.com/oauth",
            authorize: "https://www.linkedin.com/oauth/v2/authorization",
            token: "https://www.linkedin.com/oauth/v2/accessToken",
            calls: &[get("https://api.linkedin.com/v2/userinfo")],
        },
        uses_pkce: false,
        profile: ProfileMap {
            username: &[],
            locale: &["/locale"],
            ..ProfileMap::OPENID
        },
        note: "The app needs the product *Sign In with LinkedIn using OpenID Connect*.",
        ..BASE
    },
    Preset {
        name: "discord",
        label: "Discord",
        speaks: Speaks::OAuth2 {
            issuer: "https://discord.com",
            authorize: "https://discord.com/oauth2/authorize",
            token: "https://discord.com/api/oauth2/token",
            calls: &[get("https://discord.com/api/v10/users/@me")],
        },
        scopes: &["identify", "email"],
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/email"],
            email_verified: EmailVerified::At(&["/verified"]),
            username: &["/username"],
            name: &["/global_name", "/username"],
            picture: &["https://cdn.discordapp.com/avatars/{/id}/{/avatar}.png"],
            locale: &["/locale"],
            ..ProfileMap::EMPTY
        },
        note: "",
        ..BASE
    },
    Preset {
        name: "x",
        label: "X",
        speaks: Speaks::OAuth2 {
            issuer: "https://x.com",
            authorize: "https://x.com/i/oauth2/authorize",
            token: "https://api.x.com/2/oauth2/token",
            calls: &[get(
                "https://api.x.com/2/users/me?user.fields=profile_image_url,confirmed_email",
            )],
        },
        secret_by: SecretBy::Basic,
        scopes: &["users.read", "tweet.read", "users.email"],
        offline: Offline {
            scopes: &["offline.access"],
            parameters: &[],
        },
        profile: ProfileMap {
            subject: &["/data/id"],
            email: &["/data/confirmed_email"],
            email_verified: EmailVerified::Always,
            username: &["/data/username"],
            name: &["/data/name"],
            picture: &["/data/profile_image_url"],
            ..ProfileMap::EMPTY
        },
        note: "The app needs *Request email from users*; without it, `.scopes([\"users.read\", \"tweet.read\"])`.",
        ..BASE
    },
    Preset {
        name: "spotify",
        label: "Spotify",
        speaks: Speaks::OAuth2 {
            issuer: "https://accounts.spotify.com",
            authorize: "https://accounts.spotify.com/authorize",
            token: "https://accounts.spotify.com/api/token",
            calls: &[get("https://api.spotify.com/v1/me")],
        },
        secret_by: SecretBy::Basic,
        scopes: &["user-read-email"],
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/email"],
            name: &["/display_name"],
            picture: &["/images/0/url"],
            ..ProfileMap::EMPTY
        },
        note: "Does not verify addresses.",
        ..BASE
    },
    Preset {
        name: "bitbucket",
        label: "Bitbucket",
        speaks: Speaks::OAuth2 {
            issuer: "https://bitbucket.org",
            authorize: "https://bitbucket.org/site/oauth2/authorize",
            token: "https://bitbucket.org/site/oauth2/access_token",
            calls: &[
                get("https://api.bitbucket.org/2.0/user"),
                Call {
                    name: "emails",
                    ..get("https://api.bitbucket.org/2.0/user/emails")
                },
            ],
        },
        secret_by: SecretBy::Basic,
        scopes: &["account", "email"],
        profile: ProfileMap {
            subject: &["/uuid"],
            email_verified: EmailVerified::PrimaryOf {
                list: "/emails/values",
                address: "email",
                primary: "is_primary",
                verified: "is_confirmed",
            },
            username: &["/username", "/nickname"],
            name: &["/display_name"],
            picture: &["/links/avatar/href"],
            ..ProfileMap::EMPTY
        },
        note: "The consumer needs the permissions *Account: Email* and *Account: Read*.",
        ..BASE
    },
    Preset {
        name: "amazon",
        label: "Amazon",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.amazon.com",
            authorize: "https://www.amazon.com/ap/oa",
            token: "https://api.amazon.com/auth/o2/token",
            calls: &[get("https://api.amazon.com/user/profile")],
        },
        scopes: &["profile"],
        profile: ProfileMap {
            subject: &["/user_id"],
            email: &["/email"],
            name: &["/name"],
            ..ProfileMap::EMPTY
        },
        note: "Does not say whether an address is verified.",
        ..BASE
    },
    Preset {
        name: "line",
        label: "LINE",
        // Its ID tokens for web apps are signed with HMAC.
        speaks: Speaks::OAuth2 {
            issuer: "https://access.line.me",
            authorize: "https://access.line.me/oauth2/v2.1/authorize",
            token: "https://api.line.me/oauth2/v2.1/token",
            calls: &[get("https://api.line.me/oauth2/v2.1/userinfo")],
        },
        scopes: &["openid", "profile"],
        profile: ProfileMap {
            subject: &["/sub"],
            name: &["/name"],
            picture: &["/picture"],
            ..ProfileMap::EMPTY
        },
        note: "Gives no address.",
        ..BASE
    },
    Preset {
        name: "paypal",
        label: "PayPal",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.paypal.com",
            authorize: "https://www.paypal.com/signin/authorize",
            token: "https://api-m.paypal.com/v1/oauth2/token",
            calls: &[get(
                "https://api-m.paypal.com/v1/identity/oauth2/userinfo?schema=paypalv1.1",
            )],
        },
        secret_by: SecretBy::Basic,
        uses_pkce: false,
        profile: ProfileMap {
            subject: &["/user_id"],
            email_verified: EmailVerified::PrimaryOf {
                list: "/emails",
                address: "value",
                primary: "primary",
                verified: "confirmed",
            },
            name: &["/name"],
            given_name: &["/given_name"],
            family_name: &["/family_name"],
            ..ProfileMap::EMPTY
        },
        note: "Live accounts only; the app needs *Log in with PayPal* with full name and e-mail.",
        ..BASE
    },
    Preset {
        name: "zoom",
        label: "Zoom",
        speaks: Speaks::OAuth2 {
            issuer: "https://zoom.us",
            authorize: "https://zoom.us/oauth/authorize",
            token: "https://zoom.us/oauth/token",
            calls: &[get("https://api.zoom.us/v2/users/me")],
        },
        secret_by: SecretBy::Basic,
        scopes: &[],
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/email"],
            email_verified: EmailVerified::At(&["/verified"]),
            name: &["/display_name"],
            given_name: &["/first_name"],
            family_name: &["/last_name"],
            picture: &["/pic_url"],
            locale: &["/language"],
            ..ProfileMap::EMPTY
        },
        note: "Scopes are those of the app's registration; it needs the one to read the user.",
        ..BASE
    },
    Preset {
        name: "notion",
        label: "Notion",
        speaks: Speaks::OAuth2 {
            issuer: "https://api.notion.com",
            authorize: "https://api.notion.com/v1/oauth/authorize",
            token: "https://api.notion.com/v1/oauth/token",
            // The token is a bot's; whose bot it is, it says.
            calls: &[Call {
                headers: &[("notion-version", "2022-06-28")],
                ..get("https://api.notion.com/v1/users/me")
            }],
        },
        secret_by: SecretBy::Basic,
        scopes: &[],
        parameters: &[("owner", "user")],
        uses_pkce: false,
        profile: ProfileMap {
            subject: &["/bot/owner/user/id"],
            email: &["/bot/owner/user/person/email"],
            name: &["/bot/owner/user/name"],
            picture: &["/bot/owner/user/avatar_url"],
            ..ProfileMap::EMPTY
        },
        note: "A public integration that may read users with their addresses; does not say whether one is verified.",
        ..BASE
    },
    Preset {
        name: "dropbox",
        label: "Dropbox",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.dropbox.com",
            authorize: "https://www.dropbox.com/oauth2/authorize",
            token: "https://api.dropboxapi.com/oauth2/token",
            calls: &[Call {
                posts: true,
                ..get("https://api.dropboxapi.com/2/users/get_current_account")
            }],
        },
        scopes: &["account_info.read"],
        offline: Offline {
            scopes: &[],
            parameters: &[("token_access_type", "offline")],
        },
        profile: ProfileMap {
            subject: &["/account_id"],
            email: &["/email"],
            email_verified: EmailVerified::At(&["/email_verified"]),
            name: &["/name/display_name"],
            given_name: &["/name/given_name"],
            family_name: &["/name/surname"],
            picture: &["/profile_photo_url"],
            locale: &["/locale"],
            ..ProfileMap::EMPTY
        },
        note: "",
        ..BASE
    },
    Preset {
        name: "reddit",
        label: "Reddit",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.reddit.com",
            authorize: "https://www.reddit.com/api/v1/authorize",
            token: "https://www.reddit.com/api/v1/access_token",
            // Else the picture's URL comes with its ampersands escaped as in HTML.
            calls: &[get("https://oauth.reddit.com/api/v1/me?raw_json=1")],
        },
        secret_by: SecretBy::Basic,
        scopes: &["identity"],
        offline: Offline {
            scopes: &[],
            parameters: &[("duration", "permanent")],
        },
        uses_pkce: false,
        profile: ProfileMap {
            subject: &["/id"],
            username: &["/name"],
            picture: &["/icon_img"],
            ..ProfileMap::EMPTY
        },
        note: "Gives no address.",
        ..BASE
    },
    Preset {
        name: "kakao",
        label: "Kakao",
        speaks: Speaks::OAuth2 {
            issuer: "https://kauth.kakao.com",
            authorize: "https://kauth.kakao.com/oauth/authorize",
            token: "https://kauth.kakao.com/oauth/token",
            calls: &[get("https://kapi.kakao.com/v2/user/me")],
        },
        scopes: &["profile_nickname", "profile_image", "account_email"],
        uses_pkce: false,
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/kakao_account/email"],
            // Verified once, and not another account's by now.
            email_verified: EmailVerified::All(&[
                "/kakao_account/is_email_valid",
                "/kakao_account/is_email_verified",
            ]),
            name: &["/kakao_account/name", "/kakao_account/profile/nickname"],
            picture: &["/kakao_account/profile/profile_image_url"],
            ..ProfileMap::EMPTY
        },
        note: "The client id is the REST API key; addresses need a business app.",
        ..BASE
    },
    Preset {
        name: "naver",
        label: "Naver",
        speaks: Speaks::OAuth2 {
            issuer: "https://nid.naver.com",
            authorize: "https://nid.naver.com/oauth2.0/authorize",
            token: "https://nid.naver.com/oauth2.0/token",
            calls: &[get("https://openapi.naver.com/v1/nid/me")],
        },
        scopes: &["profile", "email"],
        uses_pkce: false,
        profile: ProfileMap {
            subject: &["/response/id"],
            email: &["/response/email"],
            name: &["/response/name", "/response/nickname"],
            picture: &["/response/profile_image"],
            ..ProfileMap::EMPTY
        },
        note: "The address is a contact address that people write themselves.",
        ..BASE
    },
    Preset {
        name: "figma",
        label: "Figma",
        speaks: Speaks::OAuth2 {
            issuer: "https://www.figma.com",
            authorize: "https://www.figma.com/oauth",
            token: "https://api.figma.com/v1/oauth/token",
            calls: &[get("https://api.figma.com/v1/me")],
        },
        secret_by: SecretBy::Basic,
        scopes: &["current_user:read"],
        profile: ProfileMap {
            subject: &["/id"],
            email: &["/email"],
            name: &["/handle"],
            picture: &["/img_url"],
            ..ProfileMap::EMPTY
        },
        note: "Does not say whether an address is verified.",
        ..BASE
    },
    Preset {
        name: "atlassian",
        label: "Atlassian",
        speaks: Speaks::OAuth2 {
            issuer: "https://auth.atlassian.com",
            authorize: "https://auth.atlassian.com/authorize",
            token: "https://auth.atlassian.com/oauth/token",
            calls: &[get("https://api.atlassian.com/me")],
        },
        scopes: &["read:me"],
        parameters: &[("audience", "api.atlassian.com")],
        offline: OFFLINE_ACCESS,
        profile: ProfileMap {
            subject: &["/account_id"],
            email: &["/email"],
            username: &["/nickname"],
            name: &["/name"],
            picture: &["/picture"],
            locale: &["/locale"],
            ..ProfileMap::EMPTY
        },
        note: "The app needs the *User identity API*; does not say whether an address is verified.",
        ..BASE
    },
];
