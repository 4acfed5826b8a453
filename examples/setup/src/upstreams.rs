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

/// Where variables are read: the environment, save in tests.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The settings with all that the environment names.
pub(crate) fn add_to(login: Login) -> Result<Login, SetupError> {
    let login = login.sign_in_with(all(&environment::text)?);
    #[cfg(feature = "workos")]
    let login = crate::hosted::add_to(login)?;
    Ok(login)
}

fn all(read: Read<'_>) -> Result<Vec<Upstream>, SetupError> {
    let mut upstreams = Vec::new();
    for preset in Upstream::presets() {
        let prefix = preset.to_ascii_uppercase().replace('-', "_");
        upstreams.extend(named(read, "", &prefix)?);
    }
    upstreams.extend(named(read, "", "OIDC")?);
    upstreams.extend(named(read, "SECOND_", "OIDC")?.map(|second| second.name("second")));
    upstreams.extend(custom(read)?);
    Ok(upstreams)
}

/// The one whose variables begin with `prefix`, with `before` in front of them.
fn named(read: Read<'_>, before: &str, prefix: &str) -> Result<Option<Upstream>, SetupError> {
    let own = format!("{prefix}_");
    let found = Upstream::from_variables(|name| {
        let is_its = name.starts_with(&own);
        is_its.then(|| read(&format!("{before}{name}")))?
    });
    let found = found.map_err(|error| format!("{before}{own}…: {}", in_words(&error)))?;
    let prefix = format!("{before}{prefix}");
    switched(read, found.into_iter().next(), &prefix, "CLIENT_ID")
}

/// With what is turned on. A switch of one that is not there is somebody's mistake, `needed` what they forgot.
fn switched(
    read: Read<'_>,
    mut upstream: Option<Upstream>,
    prefix: &str,
    needed: &str,
) -> Result<Option<Upstream>, SetupError> {
    for (end, turn_on) in SWITCHES {
        let name = format!("{prefix}_{end}");
        if !environment::parsed_of(read, &name, false)? {
            continue;
        }
        let Some(found) = upstream else {
            return Err(format!("{name} is set and {prefix}_{needed} is not").into());
        };
        upstream = Some(turn_on(found));
    }
    Ok(upstream)
}

/// One that no preset knows and that speaks OAuth 2 alone, in the shape of GitHub Enterprise Server.
fn custom(read: Read<'_>) -> Result<Option<Upstream>, SetupError> {
    const NAMES: [&str; 6] = [
        "OAUTH_AUTHORIZATION_URL",
        "OAUTH_TOKEN_URL",
        "OAUTH_USER_URL",
        "OAUTH_EMAILS_URL",
        "OAUTH_CLIENT_ID",
        "OAUTH_CLIENT_SECRET",
    ];
    let (values, label) = (NAMES.map(read), read("OAUTH_LABEL"));
    if label.is_none() && values.iter().all(Option::is_none) {
        return switched(read, None, "OAUTH", "CLIENT_ID");
    }
    if let Some(at) = values.iter().position(Option::is_none) {
        let all = NAMES.join(", ");
        return Err(format!("{} is not set; set all or none of {all}", NAMES[at]).into());
    }
    let [authorize, token, user, emails, id, secret] = values.map(Option::unwrap_or_default);
    let label = label.unwrap_or_else(|| "OAuth".to_owned());
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
    switched(read, Some(upstream), "OAUTH", "CLIENT_ID")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OIDC: [(&str, &str); 3] = [
        ("OIDC_ISSUER", "https://idp.example.com"),
        ("OIDC_CLIENT_ID", "c"),
        ("OIDC_CLIENT_SECRET", "s"),
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<usize, String> {
        let found = all(&|name| {
            let pair = pairs.iter().find(|(own, _)| *own == name);
            pair.map(|(_, value)| (*value).to_owned())
        });
        let count = found.map(|found| found.len());
        count.map_err(|error| error.to_string())
    }

    #[test]
    fn whole_ones_are_taken() {
        assert_eq!(read(&[]), Ok(0));
        assert_eq!(read(&OIDC), Ok(1));
        let mut with_switch = OIDC.to_vec();
        with_switch.extend([("OIDC_TRUST_EMAIL", "true"), ("OIDC_KEEP_TOKENS", "false")]);
        assert_eq!(read(&with_switch), Ok(1));
        // What is off asks for nothing.
        assert_eq!(read(&[("OIDC_TRUST_EMAIL", "false")]), Ok(0));
    }

    #[test]
    fn what_stands_alone_is_refused_and_named() {
        for (set, missing) in [
            ("OIDC_TRUST_EMAIL", "OIDC_CLIENT_ID"),
            ("OIDC_SIGN_OUT_THERE", "OIDC_CLIENT_ID"),
            ("SECOND_OIDC_TRUST_EMAIL", "SECOND_OIDC_CLIENT_ID"),
            ("GITHUB_TRUST_EMAIL", "GITHUB_CLIENT_ID"),
            ("GHES_KEEP_TOKENS", "GHES_CLIENT_ID"),
            ("OAUTH_TRUST_AUTHENTICATION", "OAUTH_CLIENT_ID"),
        ] {
            let problem = read(&[(set, "true")]).err().unwrap_or_default();
            assert!(
                problem.contains(set) && problem.contains(missing),
                "{problem}"
            );
        }
        for (set, missing) in [
            ("OIDC_ISSUER", "OIDC_CLIENT_ID"),
            ("OIDC_LABEL", "OIDC_ISSUER"),
            ("SECOND_OIDC_ISSUER", "OIDC_CLIENT_ID"),
            ("GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID"),
            ("OAUTH_LABEL", "OAUTH_AUTHORIZATION_URL"),
        ] {
            let problem = read(&[(set, "https://idp.example.com")]);
            let problem = problem.err().unwrap_or_default();
            assert!(problem.contains(missing), "{set}: {problem}");
        }
        let problem = read(&[("OIDC_TRUST_EMAIL", "yes")]).err();
        assert!(problem.unwrap_or_default().contains("OIDC_TRUST_EMAIL"));
    }
}
