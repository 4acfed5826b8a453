//! `GET /auth/account/two-factor`: what a person sees of their second factors.

use http::StatusCode;
use serde_json::json;

use super::{devices, enrol, manage};
use crate::ground::Timestamp;
use crate::login::{LoginWing, Mfa, SignedIn};
use crate::services::pages::PageName;
use crate::web::{Exchange, PagePolicy, Problem, Response, with_query};

/// What the page says after something was done. A closed set, so that no link can make it say anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Removed,
    DeviceForgotten,
    DevicesForgotten,
}

impl Notice {
    const ALL: [Self; 3] = [Self::Removed, Self::DeviceForgotten, Self::DevicesForgotten];

    const fn code(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::DeviceForgotten => "device_forgotten",
            Self::DevicesForgotten => "devices_forgotten",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Removed => "Your authenticator app has been removed.",
            Self::DeviceForgotten => "That device will be asked for a code again.",
            Self::DevicesForgotten => "All devices will be asked for a code again.",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }
}

impl LoginWing {
    pub(super) fn two_factor_url(&self, notice: Notice) -> String {
        let page = self.path("/account/two-factor");
        with_query(&page, &[("notice", Some(notice.code()))])
    }

    /// `GET`: the page.
    pub(super) async fn two_factor_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let notice = query.get("notice").and_then(Notice::from_code);
        self.draw_two_factor(exchange, StatusCode::OK, &signed_in, notice, None)
            .await
    }

    pub(super) async fn draw_two_factor(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        signed_in: &SignedIn,
        notice: Option<Notice>,
        error: Option<&str>,
    ) -> Result<Response, Problem> {
        let factors = self.second_factors(&signed_in.user.id).await?;
        let required = self.must_have_mfa(&signed_in.user).await?;
        let offered = required || self.settings.factors.mfa != Mfa::Off;
        let since = factors.totp.as_ref().and_then(|totp| totp.confirmed_at);
        let since = since.map(Timestamp::rfc3339);
        let mut action = |path: &str, form: &str| {
            json!({
                "action": self.path(path),
                "form_token": self.core.form_token(exchange, form),
            })
        };
        let begin = action("/account/two-factor/begin", &enrol::begin_form(signed_in));
        let remove = action(
            "/account/two-factor/remove",
            &manage::remove_form(signed_in),
        );
        let codes = action(
            "/account/two-factor/backup-codes",
            &manage::codes_form(signed_in),
        );
        let forget_all = action(
            "/account/two-factor/devices/forget-all",
            &devices::all_form(signed_in),
        );
        let is_last = !factors.has_passkey;
        let context = json!({
            "totp": { "enrolled": factors.totp.is_some(), "since": since },
            "required": required,
            "begin": (offered && factors.totp.is_none()).then_some(begin),
            "remove": (factors.totp.is_some() && !(required && is_last)).then_some(remove),
            "backup_codes": { "left": factors.backup_codes },
            "regenerate": factors.any().then_some(codes),
            "devices": self.list_devices(exchange, signed_in).await?,
            "forget_device_action": self.path("/account/two-factor/devices/forget"),
            "forget_devices": forget_all,
            "account_url": self.path("/account"),
            "notice": notice.map(Notice::text),
            "error": error,
        });
        let policy = PagePolicy::default();
        Ok(self
            .core
            .page(exchange, status, PageName::TwoFactor, context, policy))
    }
}
