//! `GET /auth/account/identities`: what a person sees of their identities at other providers.

use http::StatusCode;
use serde_json::{Value, json};

use super::{PAGE, link, unlink};
use crate::ground::Timestamp;
use crate::login::{LoginWing, SignedIn};
use crate::services::pages::PageName;
use crate::store::LinkedIdentity;
use crate::web::{Exchange, FormTarget, PagePolicy, Problem, Response, with_query};

/// What the page says after something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Linked,
    Unlinked,
}

impl Notice {
    const ALL: [Self; 2] = [Self::Linked, Self::Unlinked];

    const fn code(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unlinked => "unlinked",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Linked => "You can sign in with this account from now on.",
            Self::Unlinked => "That account no longer signs you in here.",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }
}

impl LoginWing {
    pub(super) fn identities_url(&self, notice: Notice) -> String {
        with_query(&self.path(PAGE), &[("notice", Some(notice.code()))])
    }

    /// The page, where there is any provider.
    pub(in crate::login) fn identities_page_url(&self) -> Option<String> {
        let on = !self.upstreams.is_empty();
        on.then(|| self.path(PAGE))
    }

    /// `GET`: the page.
    pub(super) async fn identities_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let notice = query.get("notice").and_then(Notice::from_code);
        let user = &signed_in.user;
        let identities = self.core.stores.identities.identities_of(&user.id).await?;
        let confirm_url = self.unconfirmed(exchange, &signed_in, PAGE).await?;
        let spares = self.ways_in(user).await?.spare_an_identity();
        let listed: Vec<_> = identities
            .iter()
            .map(|identity| self.identity_facts(exchange, &signed_in, identity, spares))
            .collect();
        let providers: Vec<_> = self
            .upstreams
            .iter()
            .map(|client| {
                let (name, label) = (&client.upstream.name, &client.upstream.label);
                let form = link::form(&signed_in, name);
                let form_token = self.core.form_token(exchange, &form);
                json!({ "name": name, "label": label, "form_token": form_token })
            })
            .collect();
        let context = json!({
            "identities": listed,
            "providers": providers,
            "link_action": self.path("/account/identities/link"),
            "unlink_action": self.path("/account/identities/unlink"),
            "recent": confirm_url.is_none(),
            "confirm_url": confirm_url,
            "account_url": self.path("/account"),
            "notice": notice.map(Notice::text),
        });
        // The form leads on to the provider: `form-action` counts the whole chain.
        let policy = PagePolicy {
            forms: FormTarget::Client,
            ..PagePolicy::default()
        };
        let (status, name) = (StatusCode::OK, PageName::Identities);
        Ok(self.core.page(exchange, status, name, context, policy))
    }

    fn identity_facts(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        identity: &LinkedIdentity,
        spares: bool,
    ) -> Value {
        let client = self.upstream_named(&identity.upstream);
        let label = client.map_or(&identity.upstream, |client| &client.upstream.label);
        let form = unlink::form(signed_in, &identity.id);
        json!({
            "id": identity.id,
            "provider": label,
            "display": identity.display,
            "linked_at": identity.created_at.rfc3339(),
            "last_used_at": identity.last_used_at.map(Timestamp::rfc3339),
            "removable": spares || client.is_none(),
            "form_token": self.core.form_token(exchange, &form),
        })
    }
}
