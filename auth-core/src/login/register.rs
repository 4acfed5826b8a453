//! `GET` and `POST /auth/register`: an account of one's own.
//!
//! Never signs in, and never tells whether the identifier was free (threat 46): valid input has one answer.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, json};

use super::attempt::AddressAttempts;
use super::email::Registered;
use super::identifier::{
    IdentifierError, IdentifierKind, is_reserved, parse_email, parse_username,
};
use super::password::{Password, Personal};
use super::reply::done;
use super::{CaptchaAction, LoginWing};
use crate::ground::Timestamp;
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::{CreateUser, PasswordHash, User, UserId};
use crate::web::{Exchange, PagePolicy, Params, Problem, Response, ReturnTo};

const FORM: &str = "register";
const MAX_NAME_CHARACTERS: usize = 200;
const MAX_SHOWN_CHARACTERS: usize = 254;

/// All that can be said at registration: a closed set, without flags, roles or ids (threat 11).
#[derive(Default)]
struct RegistrationForm {
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
    password: Option<Password>,
    return_to: Option<ReturnTo>,
}

/// What is wrong, by field.
pub(super) type FieldErrors = BTreeMap<&'static str, String>;

/// Who registers, checked.
pub(super) struct Identity {
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
}

/// Checked input.
struct Registration {
    identity: Identity,
    password: Password,
}

/// A display name as people may give it: one line, at most 200 characters, without control characters (threat 18).
pub(super) fn parse_name(text: &str) -> Result<Option<String>, &'static str> {
    if text.chars().nth(MAX_NAME_CHARACTERS).is_some() {
        return Err("Use at most 200 characters.");
    }
    if text.chars().any(is_control) {
        return Err("A name cannot contain line breaks or control characters.");
    }
    let text = text.trim();
    if !text.is_empty() && text.chars().all(is_unseen) {
        return Err("A name needs a character that can be seen.");
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Takes up no ink: spaces, and what Unicode has readers ignore by default (`Default_Ignorable_Code_Point`), with the
/// blanks that count as letters or symbols.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

// Line and paragraph separators break lines too; the bidirectional overrides turn the text around them.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl LoginWing {
    /// `GET`: the form.
    pub(super) fn register_page(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let form = RegistrationForm {
            return_to: self.return_to(&exchange.query()?),
            ..RegistrationForm::default()
        };
        Ok(self.draw_register(exchange, StatusCode::OK, &form, &FieldErrors::new()))
    }

    /// `POST`: checks, hashes and only then asks whether the identifier is free, so that both take the same time.
    pub(super) async fn register(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let form = self.read_registration(exchange)?;
        self.check_captcha(exchange, CaptchaAction::Register)
            .await?;
        self.count_address(AddressAttempts::Registration, exchange)
            .await?;
        let registration = match self.check_registration(&form).await? {
            Ok(registration) => registration,
            Err(errors) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(self.draw_register(exchange, status, &form, &errors));
            }
        };
        let email = registration.identity.email.clone();
        let registered = self.create_account(registration, exchange).await?;
        let next = self
            .after_registration(exchange, email, registered, form.return_to.as_ref())
            .await?;
        Ok(done(exchange, &next))
    }

    fn read_registration(&self, exchange: &Exchange<'_>) -> Result<RegistrationForm, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        Ok(self.registration_form(&body))
    }

    fn registration_form(&self, body: &Params) -> RegistrationForm {
        let text = |name| body.get(name).map(str::to_owned);
        let kind = self.settings.identifiers;
        RegistrationForm {
            email: text("email").filter(|_| kind != IdentifierKind::Username),
            username: text("username").filter(|_| kind != IdentifierKind::Email),
            name: text("name"),
            password: body.get("password").map(Password::from),
            return_to: self.return_to(body),
        }
    }

    /// Who registers, by the fields of a form. Nothing is looked up: whether it is free shows when it is written.
    #[cfg(feature = "passkeys")]
    pub(super) fn check_identity(&self, body: &Params) -> Result<Identity, FieldErrors> {
        let mut errors = FieldErrors::new();
        let identity = self.identity_of(&self.registration_form(body), &mut errors);
        if errors.is_empty() {
            Ok(identity)
        } else {
            Err(errors)
        }
    }

    fn identity_of(&self, form: &RegistrationForm, errors: &mut FieldErrors) -> Identity {
        let email = checked(errors, "email", form.email.as_deref(), parse_email);
        let username = form.username.as_deref();
        let username = checked(errors, "username", username, parse_free_username);
        if form.email.is_none() && form.username.is_none() {
            let (field, message) = match self.settings.identifiers {
                IdentifierKind::Email => ("email", "Enter your e-mail address."),
                IdentifierKind::Username => ("username", "Choose a username."),
                IdentifierKind::Either => ("email", "Enter an e-mail address or a username."),
            };
            errors.insert(field, message.to_owned());
        }
        let name = match form.name.as_deref().map_or(Ok(None), parse_name) {
            Ok(name) => name,
            Err(message) => {
                errors.insert("name", message.to_owned());
                None
            }
        };
        Identity {
            email,
            username,
            name,
        }
    }

    async fn check_registration(
        &self,
        form: &RegistrationForm,
    ) -> Result<Result<Registration, FieldErrors>, Problem> {
        let mut errors = FieldErrors::new();
        let identity = self.identity_of(form, &mut errors);
        let Some(password) = form.password.clone() else {
            errors.insert("password", "Choose a password.".to_owned());
            return Ok(Err(errors));
        };
        let (email, username) = (identity.email.as_deref(), identity.username.as_deref());
        let personal = Personal::new(email, username, identity.name.as_deref());
        if let Err(refused) = self.hashers.judge(&password, personal).await? {
            errors.insert("password", refused.to_string());
        }
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        Ok(Ok(Registration { identity, password }))
    }

    async fn create_account(
        &self,
        registration: Registration,
        exchange: &Exchange<'_>,
    ) -> Result<Registered, Problem> {
        let hash = self.hashers.hash(&registration.password).await?;
        let user = self.new_user(registration.identity, exchange.now);
        let registered = self.write_account(exchange, &user, Some(&hash)).await?;
        self.tell_registered(&registered, &user);
        Ok(registered)
    }

    pub(super) fn new_user(&self, identity: Identity, now: Timestamp) -> User {
        let mut claims = Map::new();
        if let Some(name) = identity.name {
            claims.insert("name".to_owned(), name.into());
        }
        User {
            id: UserId::new(self.core.random.id()),
            email: identity.email,
            // Claimed, not shown: nothing that trusts the address may follow from it (threat 27).
            email_verified_at: None,
            username: identity.username,
            claims,
            created_at: now,
            updated_at: now,
            disabled_at: None,
            mfa_required: false,
            delete_at: None,
        }
    }

    /// Writes an account if the host allows it and its identifiers are free. The caller tells the hooks that it stands.
    pub(super) async fn write_account(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        hash: Option<&PasswordHash>,
    ) -> Result<Registered, Problem> {
        let hooks = &self.settings.lifecycle.hooks;
        hooks.before_registration(user).await?;
        let users = &self.core.stores.users;
        let is_held = match &user.email {
            Some(email) => self.is_held(email, exchange.now).await?,
            None => false,
        };
        let registered = if is_held {
            Registered::EmailTaken
        } else {
            match users.create_user(user, hash).await? {
                CreateUser::Created => Registered::Created(user.id.clone()),
                CreateUser::EmailTaken => Registered::EmailTaken,
                CreateUser::UsernameTaken => Registered::UsernameTaken,
            }
        };
        let stands = matches!(registered, Registered::Created(_));
        let event = if stands {
            Event::Registered {
                user: user.id.clone(),
            }
        } else {
            Event::RegistrationCollided
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(registered)
    }

    /// Tells the hooks of a new account beside the request, once there is a way into it.
    pub(super) fn tell_registered(&self, registered: &Registered, user: &User) {
        if matches!(registered, Registered::Created(_)) {
            self.settings.lifecycle.hooks.tell_registered(user);
        }
    }

    fn draw_register(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        form: &RegistrationForm,
        errors: &FieldErrors,
    ) -> Response {
        #[cfg(feature = "passkeys")]
        let passkey = self.passkey_sign_up_facts(exchange);
        #[cfg(not(feature = "passkeys"))]
        let passkey = None::<()>;
        let upstreams = self.offered_upstreams(form.return_to.as_ref(), false);
        #[cfg(feature = "workos")]
        let upstreams = super::hosted::for_registration(upstreams);
        let context = json!({
            "action": self.path("/register"),
            "form_token": self.core.form_token(exchange, FORM),
            "form": {
                "email": shown(form.email.as_deref()),
                "username": shown(form.username.as_deref()),
                "name": shown(form.name.as_deref()),
                "return_to": form.return_to.as_ref().map(ReturnTo::as_str),
            },
            "identifier_kind": self.settings.identifiers.as_str(),
            "errors": errors,
            "error": null,
            "login_url": self.login_url(form.return_to.as_ref()),
            "password_min": self.settings.password_min_length,
            "password_max": self.settings.password_max_length,
            "passkey": passkey,
            "captcha": self.captcha_context(CaptchaAction::Register),
            "upstreams": upstreams,
        });
        let policy = PagePolicy {
            script: passkey.is_some(),
            ..PagePolicy::default()
        };
        let drawn = self.scripted_page(exchange, status, PageName::Register, context, policy);
        self.allow_captcha(CaptchaAction::Register, drawn)
    }
}

fn checked(
    errors: &mut FieldErrors,
    field: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<String, IdentifierError>,
) -> Option<String> {
    match parse(text?) {
        Ok(value) => Some(value),
        Err(error) => {
            errors.insert(field, error.to_string());
            None
        }
    }
}

fn parse_free_username(text: &str) -> Result<String, IdentifierError> {
    let username = parse_username(text)?;
    if is_reserved(&username) {
        return Err(IdentifierError::Reserved);
    }
    Ok(username)
}

/// What was typed, for the field it came from: cut, so that a page is never larger than what people type.
fn shown(text: Option<&str>) -> Option<String> {
    text.map(|text| text.chars().take(MAX_SHOWN_CHARACTERS).collect())
}
