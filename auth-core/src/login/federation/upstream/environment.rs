//! Upstreams as the environment has them.

use super::{SecretBy, Upstream};
use crate::login::LoginSettingsError;
use crate::login::federation::preset::{self, Preset};

impl Upstream {
    /// All that the process's environment has, validated: `<PRESET>_CLIENT_ID` and `<PRESET>_CLIENT_SECRET`
    /// (`GITHUB_CLIENT_ID` …) of every preset, with `_TENANT`, `_DOMAIN` or `_ISSUER` where one needs it;
    /// `APPLE_CLIENT_ID`, `APPLE_TEAM_ID`, `APPLE_KEY_ID`, `APPLE_PRIVATE_KEY`; and `OIDC_ISSUER`, `OIDC_CLIENT_ID`,
    /// `OIDC_CLIENT_SECRET` with `OIDC_LABEL` if you like, for one of the name `oidc`. Empty ones count as unset.
    ///
    /// # Errors
    /// Names the variable that is missing beside another that is set, or what cannot work.
    pub fn from_env() -> Result<Vec<Self>, LoginSettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`from_env`](Self::from_env), with variables from elsewhere.
    ///
    /// # Errors
    /// As there.
    pub fn from_variables(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<Self>, LoginSettingsError> {
        let lookup = |name: &str| {
            let value = lookup(name)?;
            let value = value.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let mut upstreams = Vec::new();
        for preset in preset::all() {
            upstreams.extend(of_preset(preset, &lookup)?);
        }
        let mut oidc = Variables::new("OIDC", &lookup);
        // First, so that it is not passed over where it stands alone.
        let label = oidc.get("LABEL");
        let needed = oidc.all_or_none(["ISSUER", "CLIENT_ID", "CLIENT_SECRET"], None)?;
        if let Some([issuer, client_id, secret]) = needed {
            let label = label.unwrap_or_else(|| "OpenID".to_owned());
            let upstream = Self::openid("oidc", issuer, client_id);
            upstreams.push(upstream.label(label).secret(secret));
        }
        upstreams.iter().try_for_each(Self::validate)?;
        Ok(upstreams)
    }
}

fn of_preset(
    preset: &Preset,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Upstream>, LoginSettingsError> {
    let mut variables = Variables::new(&preset.prefix(), lookup);
    let place = preset.place.as_ref();
    let suffix = place.map(|place| place.kind.method().to_ascii_uppercase());
    let said = suffix.as_deref().and_then(|suffix| variables.get(suffix));
    let needed_place = suffix
        .as_deref()
        .filter(|_| place.is_some_and(|place| place.default.is_none()));
    let upstream = if preset.secret_by == SecretBy::AppleJwt {
        let names = ["CLIENT_ID", "TEAM_ID", "KEY_ID", "PRIVATE_KEY"];
        variables
            .all_or_none(names, needed_place)?
            .map(|[client_id, team_id, key_id, key]| {
                Upstream::preset(preset.name, client_id).apple_key(team_id, &key_id, &key)
            })
    } else {
        variables
            .all_or_none(["CLIENT_ID", "CLIENT_SECRET"], needed_place)?
            .map(|[client_id, secret]| Upstream::preset(preset.name, client_id).secret(secret))
    };
    Ok(match (upstream, place, said) {
        (Some(upstream), Some(place), Some(said)) => Some(upstream.place(place.kind, &said)),
        (upstream, ..) => upstream,
    })
}

/// The variables of one upstream.
struct Variables<'a> {
    prefix: String,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// One that is set.
    seen: Option<String>,
}

impl<'a> Variables<'a> {
    fn new(prefix: &str, lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            prefix: prefix.to_owned(),
            lookup,
            seen: None,
        }
    }

    fn get(&mut self, suffix: &str) -> Option<String> {
        let name = format!("{}_{suffix}", self.prefix);
        let value = (self.lookup)(&name);
        if value.is_some() {
            self.seen.get_or_insert(name);
        }
        value
    }

    /// The values of all, `None` if none is set, nor any other that was looked at.
    fn all_or_none<const N: usize>(
        &mut self,
        suffixes: [&str; N],
        needed_too: Option<&str>,
    ) -> Result<Option<[String; N]>, LoginSettingsError> {
        let values = suffixes.map(|suffix| self.get(suffix));
        let too = needed_too.map(|suffix| (suffix, self.get(suffix)));
        let Some(seen) = &self.seen else {
            return Ok(None);
        };
        let pairs = suffixes.into_iter().zip(&values);
        let missing = pairs
            .chain(too.as_ref().map(|(suffix, value)| (*suffix, value)))
            .find_map(|(suffix, value)| value.is_none().then_some(suffix));
        if let Some(suffix) = missing {
            return Err(LoginSettingsError {
                setting: "sign_in_with",
                problem: format!(
                    "{seen} is set and {}_{suffix} is not; set both or neither",
                    self.prefix
                ),
            });
        }
        Ok(Some(values.map(Option::unwrap_or_default)))
    }
}
