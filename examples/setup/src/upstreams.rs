//! Whom people may sign in with beside the host itself: `OIDC_…`, `GITHUB_…`, `WORKOS_…` and so on.

use auth_core::login::{EmailVerified, Login, ProfileMap, Upstream};

use crate::{SetupError, environment, in_words};

type TurnOn = fn(Upstream) -> Upstream;

/// What is off unless the operator says so of that very provider: `OIDC_TRUST_EMAIL=true` and so on.
const SWITCHES: [(&str, TurnOn); 4] = [
    ("TRUST_EMAIL", Upstream::trust_email),
    ("TRUST_AUTHENTICATION", Upstream::trust_authentication),
    ("KEEP_TOKENS", Upstream::keep_tokens),
    ("SIGN_OUT_THERE", Upstream::sign_out_there),
];

/// The settings with all that the environment names.
pub(crate) fn add_to(login: Login) -> Result<Login, SetupError> {
    let mut upstreams = Vec::new();
    for preset in Upstream::presets() {
        let prefix = preset.to_ascii_uppercase().replace('-', "_");
        upstreams.extend(named("", &prefix)?);
    }
    upstreams.extend(named("", "OIDC")?);
    upstreams.extend(named("SECOND_", "OIDC")?.map(|second| second.name("second")));
    upstreams.extend(custom()?);
    let login = login.sign_in_with(upstreams);
    #[cfg(feature = "workos")]
    let login = crate::hosted::add_to(login)?;
    Ok(login)
}

/// The one whose variables begin with `prefix`, with `before` in front of them.
fn named(before: &str, prefix: &str) -> Result<Option<Upstream>, SetupError> {
    let own = format!("{prefix}_");
    let found = Upstream::from_variables(|name| {
        let is_its = name.starts_with(&own);
        is_its.then(|| environment::text(&format!("{before}{name}")))?
    });
    let found = found.map_err(|error| format!("{before}{own}…: {}", in_words(&error)))?;
    let Some(upstream) = found.into_iter().next() else {
        return Ok(None);
    };
    switched(upstream, &format!("{before}{prefix}")).map(Some)
}

fn switched(upstream: Upstream, prefix: &str) -> Result<Upstream, SetupError> {
    SWITCHES
        .iter()
        .try_fold(upstream, |upstream, (end, turn_on)| {
            let is_on = environment::parsed(&format!("{prefix}_{end}"), false)?;
            Ok(if is_on { turn_on(upstream) } else { upstream })
        })
}

/// One that no preset knows and that speaks OAuth 2 alone, in the shape of GitHub Enterprise Server.
fn custom() -> Result<Option<Upstream>, SetupError> {
    const NAMES: [&str; 6] = [
        "OAUTH_AUTHORIZATION_URL",
        "OAUTH_TOKEN_URL",
        "OAUTH_USER_URL",
        "OAUTH_EMAILS_URL",
        "OAUTH_CLIENT_ID",
        "OAUTH_CLIENT_SECRET",
    ];
    let values = NAMES.map(environment::text);
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    if let Some(at) = values.iter().position(Option::is_none) {
        let all = NAMES.join(", ");
        return Err(format!("{} is not set; set all or none of {all}", NAMES[at]).into());
    }
    let [authorize, token, user, emails, id, secret] = values.map(Option::unwrap_or_default);
    let label = environment::text("OAUTH_LABEL").unwrap_or_else(|| "OAuth".to_owned());
    let upstream = Upstream::oauth2("oauth", authorize, token, id)
        .label(label)
        .secret(secret)
        .scopes(["read:user", "user:email"])
        .user_info(user)
        .api_call("emails", emails)
        .profile(ProfileMap {
            subject: &["/id"],
            email_verified: EmailVerified::PrimaryOf {
                list: "/emails",
                address: "email",
                primary: "primary",
                verified: "verified",
            },
            username: &["/login"],
            name: &["/name"],
            picture: &["/avatar_url"],
            ..ProfileMap::default()
        });
    switched(upstream, "OAUTH").map(Some)
}
