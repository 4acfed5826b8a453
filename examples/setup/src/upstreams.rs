//! Whom people may sign in with beside the host itself: `OIDC_…`, `GITHUB_…` and so on.

use auth_core::login::{EmailVerified, Login, ProfileMap, Upstream};

use crate::{SetupError, environment, in_words};

/// The settings with all that the environment names.
pub(crate) fn add_to(login: Login) -> Result<Login, SetupError> {
    let mut upstreams = Upstream::from_env().map_err(|error| in_words(&error))?;
    upstreams.extend(second()?);
    upstreams.extend(custom()?);
    Ok(login.sign_in_with(upstreams))
}

/// Another OpenID provider: the variables of the first with `SECOND_` in front.
fn second() -> Result<Option<Upstream>, SetupError> {
    let found = Upstream::from_variables(|name| {
        let is_its = name.starts_with("OIDC_");
        is_its.then(|| environment::text(&format!("SECOND_{name}")))?
    });
    let found = found.map_err(|error| format!("SECOND_OIDC_…: {}", in_words(&error)))?;
    Ok(found.into_iter().next().map(|it| it.name("second")))
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
    let is_trusted = environment::parsed("OAUTH_TRUST_EMAIL", false)?;
    Ok(Some(if is_trusted {
        upstream.trust_email()
    } else {
        upstream
    }))
}
