//! From settings and overrides to pages that are known to render.

use std::collections::BTreeMap;

use minijinja::{Environment, Error, ErrorKind};

use super::said::Sentences;
use super::sample::Sample;
use super::{Asset, PageError, PageName, Pages, assets, catalogue, engine, filters, templates};

/// Collects what a host says about its pages.
#[derive(Clone, Debug)]
pub struct PagesBuilder {
    app_name: String,
    asset_base: String,
    overrides: BTreeMap<String, String>,
}

impl Default for PagesBuilder {
    fn default() -> Self {
        Self {
            app_name: "Account".to_owned(),
            asset_base: "/auth/assets".to_owned(),
            overrides: BTreeMap::new(),
        }
    }
}

impl PagesBuilder {
    /// The product's name, shown above every page and in its title. `Account` if not set.
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = name.into();
        self
    }

    /// The product's name, for what else carries it.
    #[cfg(feature = "login")]
    pub(crate) fn name(&self) -> &str {
        &self.app_name
    }

    /// Where [`Pages::assets`] are served: a path or an http(s) URL. `/auth/assets` if not set.
    #[must_use]
    pub fn asset_base(mut self, base: impl Into<String>) -> Self {
        self.asset_base = base.into();
        self
    }

    /// Replaces a template: a page by its name, or `base` (the layout) or `parts` (the macros), each with or
    /// without `.html`. Output is escaped in overrides as in the built-in templates.
    #[must_use]
    pub fn template(mut self, name: impl Into<String>, source: impl Into<String>) -> Self {
        let name = name.into();
        let page = name.strip_suffix(".html").unwrap_or(&name);
        self.overrides.insert(format!("{page}.html"), source.into());
        self
    }

    /// Compiles the templates and, if any is overridden, renders every page once with sample contexts, so that a
    /// misspelt variable, filter or message is found here and not at a request.
    ///
    /// # Errors
    /// [`PageError::Template`] for a broken override, with its name and line; [`PageError::UnknownTemplate`] for
    /// a name there is no template for; [`PageError::AssetBase`] for a base that is neither path nor URL.
    pub fn build(self) -> Result<Pages, PageError> {
        self.check_names()?;
        let assets = assets::all();
        let base = self.checked_asset_base()?;
        let mut locales = BTreeMap::new();
        for (locale, source) in catalogue::LOCALES {
            let messages = catalogue::complete(locale, source, catalogue::LOCALES)?;
            locales.insert(*locale, self.environment(locale, messages, &base, &assets)?);
        }
        let pages = Pages {
            locales,
            assets,
            asset_base: base,
            app_name: self.app_name.clone(),
        };
        if !self.overrides.is_empty() {
            rehearse(&pages)?;
        }
        Ok(pages)
    }

    fn check_names(&self) -> Result<(), PageError> {
        let known: Vec<_> = templates::all().map(|(name, _)| *name).collect();
        match self
            .overrides
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(PageError::UnknownTemplate {
                name: name.clone(),
                known: known.join(", "),
            }),
        }
    }

    fn checked_asset_base(&self) -> Result<String, PageError> {
        let base = self.asset_base.as_str();
        let is_path = base.starts_with('/') && !base.starts_with("//") && !base.contains('\\');
        if is_path || filters::web_url(&base.into()).is_some() {
            Ok(base.trim_end_matches('/').to_owned())
        } else {
            Err(PageError::AssetBase(base.to_owned()))
        }
    }

    fn environment(
        &self,
        locale: &'static str,
        messages: catalogue::Messages,
        asset_base: &str,
        assets: &[Asset],
    ) -> Result<Environment<'static>, PageError> {
        let mut environment = engine::environment(&self.app_name, locale, messages)
            .map_err(|error| PageError::template("base.html", &error))?;
        let sentences = Sentences::of(locale)?;
        environment.add_filter("said", move |text: &str| sentences.say(text));
        let urls: BTreeMap<_, _> = assets
            .iter()
            .map(|asset| (asset.name, format!("{asset_base}/{}", asset.path_suffix)))
            .collect();
        environment.add_function("asset", move |name: &str| {
            urls.get(name).cloned().ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("no asset `{name}`"))
            })
        });
        for (name, source) in templates::all() {
            match self.overrides.get(*name) {
                Some(replacement) => environment.add_template_owned(*name, replacement.clone()),
                None => environment.add_template(name, source),
            }
            .map_err(|error| PageError::template(name, &error))?;
        }
        Ok(environment)
    }
}

/// Renders everything once. Most mistakes in a template show only then.
fn rehearse(pages: &Pages) -> Result<(), PageError> {
    for locale in pages.locales() {
        for page in PageName::ALL {
            for sample in [Sample::Full, Sample::Sparse] {
                pages
                    .render(*page, locale, sample.of(*page))
                    .map_err(|error| match error {
                        PageError::Render {
                            template,
                            line,
                            reason,
                            ..
                        } => PageError::Template {
                            name: template,
                            line,
                            reason,
                        },
                        other => other,
                    })?;
            }
        }
    }
    Ok(())
}
