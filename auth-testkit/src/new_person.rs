//! How an account comes about: by the pages people use.

use auth_core::auth::Auth;
use auth_core::login::{EmailProof, NewUser, parse_email, parse_username};
use auth_core::store::{Identifier, UserId};
use serde_json::{Map, Value, json};

use crate::fail::{Outcome as _, fail};
use crate::person::{Facts, Person};
use crate::sign_in::How;
use crate::{TestKit, Visitor};

/// Long enough for any host's policy, and not to be guessed.
const PASSWORD: &str = "nine violet otters sail past the old pier";

/// An account to be made.
#[must_use = "nothing is made before .register().await"]
#[derive(Clone, Debug)]
pub struct NewPerson {
    kit: TestKit,
    auth: Auth,
    identifier: String,
    name: Option<String>,
    password: String,
    confirmed: bool,
    totp: bool,
    #[cfg(feature = "passkeys")]
    passkey: bool,
}

impl NewPerson {
    pub(crate) fn new(kit: &TestKit, auth: &Auth, identifier: &str) -> Self {
        Self {
            kit: kit.clone(),
            auth: auth.clone(),
            identifier: identifier.to_owned(),
            name: None,
            password: PASSWORD.to_owned(),
            confirmed: false,
            totp: false,
            #[cfg(feature = "passkeys")]
            passkey: false,
        }
    }

    /// With a display name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With this password in place of a long one of the kit's.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = password.into();
        self
    }

    /// Who has confirmed the e-mail address.
    pub fn confirmed(mut self) -> Self {
        self.confirmed = true;
        self
    }

    /// Who has an authenticator app and backup codes. Confirmed too, as one signs in to set it up.
    pub fn with_totp(mut self) -> Self {
        self.totp = true;
        self.confirmed()
    }

    /// Who has a passkey. Confirmed too, as one signs in to add it.
    #[cfg(feature = "passkeys")]
    pub fn with_passkey(mut self) -> Self {
        self.passkey = true;
        self.confirmed()
    }

    /// Makes the account: registers, confirms by the mail that came, signs in and enrols, each by the endpoint people
    /// use. Where the host lets nobody register, the account is made as an operator would.
    pub async fn register(self) -> Person {
        let identifier = self.parsed();
        if self.find(&identifier).await.is_some() {
            fail(format_args!(
                "{} has an account in this kit already",
                self.identifier
            ));
        }
        let mut visitor = Visitor::anonymous(&self.kit, &self.auth);
        let next = self.create(&mut visitor).await;
        let id = self.find(&identifier).await;
        let id = id.or_fail("the registration was answered well, and there is no account");
        if self.confirmed {
            self.confirm(&mut visitor, &identifier, &id, next.as_deref())
                .await;
        }
        let person = Person::new(Facts {
            #[cfg(feature = "passkeys")]
            authenticator: self.kit.authenticator(&self.auth),
            kit: self.kit.clone(),
            auth: self.auth.clone(),
            id,
            identifier,
            password: self.password.clone(),
        });
        if self.totp || self.wants_passkey() {
            person.enter_by_password(&mut visitor, How::default()).await;
        }
        if self.totp && person.app().is_none() {
            person.enrol_on_account_page(&mut visitor).await;
        }
        #[cfg(feature = "passkeys")]
        if self.passkey {
            person.add_passkey(&mut visitor).await;
        }
        person
    }

    fn wants_passkey(&self) -> bool {
        #[cfg(feature = "passkeys")]
        return self.passkey;
        #[cfg(not(feature = "passkeys"))]
        false
    }

    fn parsed(&self) -> Identifier {
        if self.identifier.contains('@') {
            Identifier::Email(parse_email(&self.identifier).or_fail(&self.identifier))
        } else {
            Identifier::Username(parse_username(&self.identifier).or_fail(&self.identifier))
        }
    }

    async fn find(&self, identifier: &Identifier) -> Option<UserId> {
        let users = self.kit.stores().users;
        let found = users.credentials(identifier).await.or_fail("the store");
        found.map(|(user, _)| user.id)
    }

    /// Returns where a registration led to.
    async fn create(&self, visitor: &mut Visitor) -> Option<String> {
        let login = self.auth.login().or_fail("a person");
        let path = login.path("/register");
        if self.auth.routes().all(|route| route.path != path) {
            let created = login.create_user(self.as_operator()).await;
            created.or_fail("the account");
            return None;
        }
        let field = if self.identifier.contains('@') {
            "email"
        } else {
            "username"
        };
        let mut body = json!({ field: self.identifier, "password": self.password });
        if let Some(name) = &self.name {
            body["name"] = Value::from(name.as_str());
        }
        let what = format!("registering {}", self.identifier);
        let answer = visitor.must_post(&path, &body, &what).await;
        answer["next"].as_str().map(str::to_owned)
    }

    fn as_operator(&self) -> NewUser {
        let is_email = self.identifier.contains('@');
        let name = self.name.iter();
        let claims = name.map(|name| ("name".to_owned(), Value::from(name.as_str())));
        NewUser {
            email: is_email.then(|| self.identifier.clone()),
            username: (!is_email).then(|| self.identifier.clone()),
            claims: claims.collect::<Map<_, _>>(),
            password: Some(self.password.as_str().into()),
            ..NewUser::default()
        }
    }

    /// By the digits of the mail, in the browser that registered; where no such mail is sent, by word of the operator.
    async fn confirm(
        &self,
        visitor: &mut Visitor,
        identifier: &Identifier,
        id: &UserId,
        next: Option<&str>,
    ) {
        let Identifier::Email(email) = identifier else {
            return;
        };
        let login = self.auth.login().or_fail("a person");
        let path = login.path("/confirm");
        let flow = next.and_then(|next| next.strip_prefix(&format!("{path}?f=")));
        let Some(flow) = flow else {
            let verified = login.verify_email(id, email, EmailProof::SignedInUser);
            verified.await.or_fail("the address");
            return;
        };
        let mails = self.kit.mails(&self.auth).await;
        let mail = mails.last_to(email);
        let body = json!({ "f": flow, "code": mail.code() });
        let what = format!("confirming {email}");
        visitor.must_post(&path, &body, &what).await;
    }
}
