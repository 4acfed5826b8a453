//! Every page of the product: a [`PageName`] and a context go in, HTML comes out.
//!
//! The templates are embedded, grouped by wing (a provider-only build carries no sign-in page) and each can be
//! replaced by the host, by name. Pages need no script, carry no inline style or script, and work under
//! `default-src 'none'; style-src 'self'; img-src 'self' https: data:`; only `form_post` and
//! `front_channel_logout` add `script-src 'self'`, and the latter the `frame-src` of its frames.
#![doc = include_str!("contexts.md")]

mod assets;
mod builder;
pub(super) mod catalogue;
pub(super) mod engine;
mod error;
pub(super) mod filters;
mod name;
mod said;
mod sample;
#[cfg(feature = "login")]
mod sample_email;
#[cfg(feature = "login")]
mod sample_factors;
#[cfg(feature = "login")]
mod sample_federation;
mod templates;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use minijinja::Environment;
use minijinja::value::Serde;

pub use self::assets::Asset;
pub use self::builder::PagesBuilder;
pub use self::error::PageError;
pub use self::name::PageName;
pub(in crate::services) use self::said::add_codes;

/// The pages of one product, ready to render. Share it in an `Arc`.
pub struct Pages {
    /// One environment for each locale: the language is part of the functions, so no template has to pass it on.
    locales: BTreeMap<&'static str, Environment<'static>>,
    assets: Vec<Asset>,
    #[cfg_attr(
        not(feature = "provider"),
        expect(dead_code, reason = "the provider's frame alone asks")
    )]
    asset_base: String,
    #[cfg_attr(
        not(feature = "login"),
        expect(dead_code, reason = "authenticator apps alone show it")
    )]
    app_name: String,
}

impl Pages {
    /// Starts from the built-in pages.
    pub fn builder() -> PagesBuilder {
        PagesBuilder::default()
    }

    /// Renders a page as HTML.
    ///
    /// `locale` is a language tag; an unknown region falls back to its language (`en-GB` to `en`), an unknown
    /// language to English. `context` is described for each page in the module documentation; every string in
    /// it is escaped.
    ///
    /// # Errors
    /// [`PageError::Render`] if the context lacks a value the template names, so never for the built-in pages
    /// with a context of the documented shape.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a context has no use after its page"
    )]
    pub fn render(
        &self,
        name: PageName,
        locale: &str,
        context: serde_json::Value,
    ) -> Result<String, PageError> {
        self.environment(locale)
            .and_then(|environment| environment.get_template(name.file()))
            .and_then(|template| template.render(Serde(&context)))
            .map_err(|error| PageError::render(name, &error))
    }

    /// The static files the pages link to, to be served below the asset base, cacheable for ever.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The product's name.
    #[cfg(feature = "login")]
    pub(crate) fn app_name(&self) -> &str {
        &self.app_name
    }

    /// The URL of an asset, by the name templates ask for it by.
    #[cfg(feature = "provider")]
    pub(crate) fn asset_url(&self, name: &str) -> Option<String> {
        let asset = self.assets.iter().find(|asset| asset.name == name)?;
        Some(format!("{}/{}", self.asset_base, asset.path_suffix))
    }

    /// The language tags there are messages for.
    pub fn locales(&self) -> impl Iterator<Item = &'static str> {
        self.locales.keys().copied()
    }

    fn environment(&self, locale: &str) -> Result<&Environment<'static>, minijinja::Error> {
        let wanted = locale.to_ascii_lowercase();
        let language = wanted.split(['-', '_']).next().unwrap_or_default();
        [wanted.as_str(), language, catalogue::FALLBACK]
            .iter()
            .find_map(|tag| self.locales.get(*tag))
            .ok_or_else(|| {
                minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "no locale")
            })
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("locales", &self.locales.keys())
            .field("assets", &self.assets)
            .finish_non_exhaustive()
    }
}
