//! `GET /auth/account/passkeys`, `POST …/rename` and `…/remove`: what a person sees of their passkeys.

use http::StatusCode;
use serde_json::{Value, json};

use super::verify::read_credential;
use super::{MOST_PASSKEYS, PAGE, add};
use crate::login::register::parse_name;
use crate::login::reply::done;
use crate::login::second_factor::last_second_factor;
use crate::login::{LoginWing, SignedIn};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{Passkey, PasskeyId, User, UserId};
use crate::web::{Exchange, PagePolicy, Problem, Response, with_query};

/// What the page says after something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Added,
    Renamed,
    Removed,
}

impl Notice {
    const ALL: [Self; 3] = [Self::Added, Self::Renamed, Self::Removed];

    const fn code(self) -> &'static str {
        match self {
            Self::Added => "passkey_added",
            Self::Renamed => "passkey_renamed",
            Self::Removed => "passkey_removed",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Added => "Your passkey has been added.",
            Self::Renamed => "Your passkey has been renamed.",
            Self::Removed => "That passkey no longer signs in here. Delete it on your device too.",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }
}

/// Each passkey in the list has forms of its own, which touch no other.
fn rename_form(signed_in: &SignedIn, passkey: &PasskeyId) -> String {
    format!("rename_passkey:{}:{passkey}", signed_in.session.id)
}

fn remove_form(signed_in: &SignedIn, passkey: &PasskeyId) -> String {
    format!("remove_passkey:{}:{passkey}", signed_in.session.id)
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is no such passkey. It may have been removed already.",
    )
}

fn last_way_in() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "last_way_in",
        "This is your only way to sign in. Add another passkey or set a password first.",
    )
}

impl LoginWing {
    pub(super) fn passkeys_url(&self, notice: Notice) -> String {
        let path = self.path(PAGE);
        with_query(&path, &[("notice", Some(notice.code()))])
    }

    /// `GET`: the page.
    pub(super) async fn passkeys_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let notice = query.get("notice").and_then(Notice::from_code);
        self.draw_passkeys(exchange, StatusCode::OK, &signed_in, notice, None)
            .await
    }

    /// `POST`: `passkey_id`, `name`.
    pub(super) async fn rename_passkey(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let id = PasskeyId::new(body.get("passkey_id").unwrap_or_default());
        let form = rename_form(&signed_in, &id);
        self.core.forms.check(exchange, &body, &form)?;
        let name = match parse_name(body.get("name").unwrap_or_default()) {
            Ok(Some(name)) => name,
            Ok(None) => {
                return self
                    .refuse_name(exchange, &signed_in, "Give the passkey a name.")
                    .await;
            }
            Err(message) => return self.refuse_name(exchange, &signed_in, message).await,
        };
        let passkeys = &self.core.stores.passkeys;
        let user = &signed_in.user.id;
        if !passkeys.rename_passkey(user, &id, &name).await? {
            return Err(unknown());
        }
        let event = Event::PasskeyRenamed {
            user: user.clone(),
            passkey: id.to_string(),
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(done(exchange, &self.passkeys_url(Notice::Renamed)))
    }

    async fn refuse_name(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        message: &'static str,
    ) -> Result<Response, Problem> {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        self.draw_passkeys(exchange, status, signed_in, None, Some(message))
            .await
    }

    /// `POST`: `passkey_id`. Never the last way in.
    pub(super) async fn remove_passkey(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, PAGE).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let id = PasskeyId::new(body.get("passkey_id").unwrap_or_default());
        let form = remove_form(&signed_in, &id);
        self.core.forms.check(exchange, &body, &form)?;
        let (passkeys, user) = (&self.core.stores.passkeys, &signed_in.user);
        let found = passkeys.passkey(&id).await?;
        let found = found.filter(|passkey| passkey.user_id == user.id);
        let passkey = found.ok_or_else(unknown)?;
        if !self.ways_in(user).await?.spare_a_passkey() {
            return Err(last_way_in());
        }
        self.refuse_last_factor(user).await?;
        if !passkeys.remove_passkey(&user.id, &id).await? {
            return Err(unknown());
        }
        if !self.ways_in(user).await?.is_any() {
            // What was to be left went in this very moment, from another tab. Of all that find nothing left, each puts
            // back what it took.
            passkeys.add_passkey(&passkey, MOST_PASSKEYS).await?;
            return Err(last_way_in());
        }
        self.tell_passkey(exchange, user, &passkey, MailKind::PasskeyRemoved)
            .await;
        self.after_removal(exchange, &user.id).await?;
        Ok(done(exchange, &self.passkeys_url(Notice::Removed)))
    }

    /// Who must have a second factor keeps the last one, whichever it is.
    async fn refuse_last_factor(&self, user: &User) -> Result<(), Problem> {
        let passkeys = self.core.stores.passkeys.passkeys_of(&user.id).await?;
        let is_last = passkeys.len() == 1 && self.second_factors(&user.id).await?.totp.is_none();
        if is_last && self.must_have_mfa(user).await? {
            return Err(last_second_factor());
        }
        Ok(())
    }

    /// Devices were spared a second factor that is another now, and backup codes stand in for none.
    pub(super) async fn after_removal(
        &self,
        exchange: &Exchange<'_>,
        user: &UserId,
    ) -> Result<(), Problem> {
        let (now, address) = (exchange.now, exchange.address);
        self.distrust_devices(user, address, now).await?;
        if !self.second_factors(user).await?.any() {
            let factors = &self.core.stores.factors;
            factors.replace_backup_codes(user, &[]).await?;
        }
        Ok(())
    }

    async fn draw_passkeys(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        signed_in: &SignedIn,
        notice: Option<Notice>,
        error: Option<&'static str>,
    ) -> Result<Response, Problem> {
        let user = &signed_in.user;
        let passkeys = self.core.stores.passkeys.passkeys_of(&user.id).await?;
        let removable = self.ways_in(user).await?.spare_a_passkey();
        let confirm_url = self.unconfirmed(exchange, signed_in, PAGE).await?;
        let recent = confirm_url.is_none();
        let has_room = passkeys.len() < MOST_PASSKEYS as usize;
        let listed = passkeys.iter().map(|passkey| {
            let mut facts = facts(passkey)?;
            let (rename, remove) = (
                rename_form(signed_in, &passkey.id),
                remove_form(signed_in, &passkey.id),
            );
            facts["rename_token"] = self.core.form_token(exchange, &rename).into();
            facts["remove_token"] = self.core.form_token(exchange, &remove).into();
            Ok(facts)
        });
        let listed = listed.collect::<Result<Vec<_>, Problem>>()?;
        let form = add::form(signed_in);
        let add = (recent && has_room).then(|| self.script_facts(exchange, PAGE, &form));
        let context = json!({
            "passkeys": listed,
            "most": MOST_PASSKEYS,
            "rename_action": self.path("/account/passkeys/rename"),
            "remove_action": self.path("/account/passkeys/remove"),
            "removable": removable,
            "recent": recent,
            "confirm_url": confirm_url,
            "add": add,
            "account_url": self.path("/account"),
            "notice": notice.map(Notice::text),
            "error": error,
        });
        let policy = PagePolicy {
            script: add.is_some(),
            ..PagePolicy::default()
        };
        Ok(self.scripted_page(exchange, status, PageName::Passkeys, context, policy))
    }
}

fn facts(passkey: &Passkey) -> Result<Value, Problem> {
    Ok(json!({
        "id": passkey.id,
        "name": passkey.name,
        "created_at": passkey.created_at.rfc3339(),
        "last_used_at": passkey.last_used_at.map(crate::ground::Timestamp::rfc3339),
        "synced": read_credential(passkey)?.backup_eligible,
    }))
}
