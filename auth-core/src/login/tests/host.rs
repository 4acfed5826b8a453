//! What a host calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::harness::*;
use crate::login::{
    EmailProof, NewUser, PasswordRefused, ScopeError, ScopeFacts, ScopeLoader, SessionEnd,
    SignInRequest, SignedIn, UserError,
};
use crate::services::Event;
use crate::web::Problem;

fn seeded(password: &str) -> NewUser {
    NewUser {
        email: Some("Ada@Example.com".to_owned()),
        claims: json!({ "name": "Ada", "locale": "en" })
            .as_object()
            .expect("object")
            .clone(),
        email_verified: true,
        password: Some(password.into()),
        enforce_policy: false,
        ..NewUser::default()
    }
}

#[tokio::test]
async fn accounts_are_made_once_and_brought_to_what_is_given() {
    let house = House::new();
    let wing = &house.wing;
    let first = wing.ensure_user(seeded("short")).await.expect("made");
    assert_eq!(first.email.as_deref(), Some(ADA));
    assert!(first.email_verified_at.is_some());
    let mut browser = house.browser();
    assert_eq!(
        browser.sign_in(ADA, "short").await.status,
        StatusCode::SEE_OTHER
    );
    let events = house.events().len();
    let again = wing.ensure_user(seeded("short")).await.expect("kept");
    assert_eq!(first, again);
    assert_eq!(house.events().len(), events, "nothing happened");
    assert!(browser.is_signed_in().await);

    let mut changed = seeded("other");
    changed.claims.insert("name".to_owned(), "Countess".into());
    let changed = wing.ensure_user(changed).await.expect("changed");
    assert_eq!(changed.display_name(), "Countess");
    assert_eq!(changed.id, first.id);
    assert!(!browser.is_signed_in().await, "the password changed");
    assert_eq!(
        house.browser().sign_in(ADA, "other").await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn what_makes_no_account_is_said() {
    let house = House::new();
    house.account(ADA).await;
    let wing = &house.wing;
    let new = |email: Option<&str>, username: Option<&str>| NewUser {
        email: email.map(str::to_owned),
        username: username.map(str::to_owned),
        ..NewUser::default()
    };
    let error = async |new| wing.create_user(new).await.expect_err("refused");
    assert!(matches!(
        error(new(None, None)).await,
        UserError::NoIdentifier
    ));
    assert!(matches!(
        error(new(Some("x"), None)).await,
        UserError::Identifier(_)
    ));
    assert!(matches!(
        error(new(None, Some("!"))).await,
        UserError::Identifier(_)
    ));
    assert!(matches!(
        error(new(Some(ADA), None)).await,
        UserError::EmailTaken
    ));
    wing.create_user(new(None, Some("admin")))
        .await
        .expect("an operator may");
    assert!(matches!(
        error(new(None, Some("Admin"))).await,
        UserError::UsernameTaken
    ));
    let weak = NewUser {
        password: Some("short".into()),
        ..new(Some(BOB), None)
    };
    let refused = error(weak).await;
    assert!(matches!(
        refused,
        UserError::Password(PasswordRefused::TooShort { min: 15 })
    ));
    assert_eq!(
        Problem::from(refused).status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    for claim in ["sub", "email_verified", "iss", "acr"] {
        let mut forged = new(Some(BOB), None);
        forged.claims.insert(claim.to_owned(), "x".into());
        assert!(matches!(error(forged).await, UserError::Claim(name) if name == claim));
    }
    let unknown = wing.disable_user(&"nobody".into()).await;
    assert!(matches!(unknown, Err(UserError::Unknown)));
}

#[tokio::test]
async fn threat_27_a_seed_that_vouches_for_an_address_throws_out_who_planted_it() {
    for seeded in [None, Some(OTHER_PASSWORD)] {
        let house = House::new();
        let mut attacker = house.browser();
        attacker.register(ADA, PASSWORD).await;
        attacker.sign_in(ADA, PASSWORD).await;
        assert!(attacker.is_signed_in().await);
        let seed = NewUser {
            email: Some(ADA.to_owned()),
            email_verified: true,
            password: seeded.map(Into::into),
            enforce_policy: false,
            ..NewUser::default()
        };
        let user = house.wing.ensure_user(seed.clone()).await.expect("seed");
        assert!(user.email_verified_at.is_some());
        assert!(!attacker.is_signed_in().await, "{seeded:?}");
        let answer = attacker.sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{seeded:?}");
        // The same seed again disturbs nobody.
        if let Some(password) = seeded {
            let mut owner = house.browser();
            owner.sign_in(ADA, password).await;
            house.wing.ensure_user(seed).await.expect("seed");
            assert!(owner.is_signed_in().await);
        }
    }
}

#[tokio::test]
async fn threat_27_the_first_proof_of_a_mailbox_drops_what_a_stranger_planted() {
    let house = House::new();
    // The attacker registers the victim's address and waits.
    let mut attacker = house.browser();
    attacker.register(ADA, PASSWORD).await;
    attacker.sign_in(ADA, PASSWORD).await;
    let id = attacker.get_json("/auth/session").await.json()["user"]["id"]
        .as_str()
        .expect("id")
        .to_owned();
    let id = crate::store::UserId::new(id);
    // Another address than the account's confirms nothing (threat 15).
    assert!(
        !house
            .wing
            .verify_email(&id, BOB, EmailProof::MailboxOwner)
            .await
            .expect("store")
    );
    assert!(attacker.is_signed_in().await);
    assert!(
        house
            .wing
            .verify_email(&id, ADA, EmailProof::MailboxOwner)
            .await
            .expect("store")
    );
    // Threat 28: nor does a session begun before outlive it.
    assert!(!attacker.is_signed_in().await);
    let answer = attacker.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        house
            .events()
            .contains(&Event::EmailVerified { user: id.clone() })
    );
    assert_eq!(
        house.ended().last().expect("told").why,
        SessionEnd::EmailVerified
    );
    // Only the first proof does.
    house
        .wing
        .set_password(&id, PASSWORD.into(), true)
        .await
        .expect("set");
    let mut owner = house.signed_in(ADA).await;
    assert!(
        !house
            .wing
            .verify_email(&id, ADA, EmailProof::MailboxOwner)
            .await
            .expect("store")
    );
    assert!(owner.is_signed_in().await);
}

#[tokio::test]
async fn threat_28_the_owners_own_proof_keeps_what_is_theirs() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    assert!(
        house
            .wing
            .verify_email(&ada.id, ADA, EmailProof::SignedInUser)
            .await
            .expect("store")
    );
    assert!(browser.is_signed_in().await);
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email_verified"], true);
}

/// A user store that changes the password in the moment between the check of the old one and the new session, and claims
/// in the moment between reading and writing them.
mod racing {
    use super::*;
    use crate::ground::Timestamp;
    use crate::store::*;

    pub(super) struct Racing {
        pub(super) inner: MemoryStore,
        pub(super) armed: AtomicBool,
    }

    #[async_trait]
    impl Backend for Racing {
        fn reach(&self) -> Reach {
            self.inner.reach()
        }
        async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
            self.inner.prune(now, limit).await
        }
    }

    #[async_trait]
    impl UserStore for Racing {
        async fn create_user(
            &self,
            user: &User,
            password: Option<&PasswordHash>,
        ) -> StoreResult<CreateUser> {
            self.inner.create_user(user, password).await
        }
        async fn user(&self, id: &UserId) -> StoreResult<Option<User>> {
            self.inner.user(id).await
        }
        async fn credentials(
            &self,
            identifier: &Identifier,
        ) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
            let found = self.inner.credentials(identifier).await?;
            if let Some((user, _)) = found
                .as_ref()
                .filter(|_| self.armed.swap(false, Ordering::SeqCst))
            {
                // The owner's proof, on another node: password dropped, and the sessions there are, which is none.
                let email = user.email.as_deref().unwrap_or_default();
                self.inner
                    .verify_email(&user.id, email, true, user.created_at)
                    .await?;
                self.inner.revoke_sessions_of(&user.id, None).await?;
            }
            Ok(found)
        }
        async fn password_hash(&self, id: &UserId) -> StoreResult<Option<PasswordHash>> {
            self.inner.password_hash(id).await
        }
        async fn set_password(
            &self,
            id: &UserId,
            expected: Option<&PasswordHash>,
            new: &PasswordHash,
            now: Timestamp,
        ) -> StoreResult<bool> {
            self.inner.set_password(id, expected, new, now).await
        }
        async fn update_user(
            &self,
            id: &UserId,
            change: &UserChange,
            now: Timestamp,
        ) -> StoreResult<Option<User>> {
            if self.armed.swap(false, Ordering::SeqCst) {
                let user = self.inner.user(id).await?.expect("user");
                let mut claims = user.claims;
                claims.insert("nickname".to_owned(), "Countess".into());
                let own = UserChange {
                    claims: Some(claims),
                    ..UserChange::default()
                };
                self.inner.update_user(id, &own, now).await?;
            }
            self.inner.update_user(id, change, now).await
        }
        async fn verify_email(
            &self,
            id: &UserId,
            email: &str,
            drop_password: bool,
            now: Timestamp,
        ) -> StoreResult<bool> {
            self.inner.verify_email(id, email, drop_password, now).await
        }
        async fn change_email(
            &self,
            id: &UserId,
            from: Option<&str>,
            to: &str,
            now: Timestamp,
        ) -> StoreResult<ChangeEmail> {
            self.inner.change_email(id, from, to, now).await
        }
        async fn users_to_end(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<UserId>> {
            self.inner.users_to_end(now, limit).await
        }
        async fn end_user(
            &self,
            id: &UserId,
            how: AccountEnd,
            now: Timestamp,
        ) -> StoreResult<bool> {
            self.inner.end_user(id, how, now).await
        }
    }
}

#[tokio::test]
async fn threat_28_a_sign_in_that_races_the_change_does_not_outlive_it() {
    let inner = crate::store::MemoryStore::new();
    let racing = Arc::new(racing::Racing {
        inner: inner.clone(),
        armed: AtomicBool::new(false),
    });
    let mut stores = crate::store::Stores::from(inner);
    stores.users = racing.clone();
    let house = House::build(settings(), stores);
    let ada = house.account(ADA).await;
    racing.armed.store(true, Ordering::SeqCst);
    let mut browser = house.browser();
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.session_cookie(), None);
    let left = house
        .core
        .stores
        .sessions
        .sessions_of(&ada.id)
        .await
        .expect("store");
    assert_eq!(left.len(), 0);
}

#[tokio::test]
async fn a_name_saved_while_the_host_writes_claims_loses_none_of_them() {
    let inner = crate::store::MemoryStore::new();
    let racing = Arc::new(racing::Racing {
        inner: inner.clone(),
        armed: AtomicBool::new(false),
    });
    let mut stores = crate::store::Stores::from(inner);
    stores.users = racing.clone();
    let house = House::build(settings(), stores);
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    racing.armed.store(true, Ordering::SeqCst);
    let answer = browser
        .account_form(
            "/update_profile/form_token",
            "/auth/account/profile",
            &[("name", "Ada")],
        )
        .await;
    assert_eq!(answer.location(), "/auth/account?notice=profile_saved");
    let stored = house.core.stores.users.user(&ada.id).await;
    let claims = stored.expect("store").expect("user").claims;
    assert_eq!(
        serde_json::Value::Object(claims),
        json!({ "name": "Ada", "nickname": "Countess" })
    );
}

#[tokio::test]
async fn a_host_signs_people_in_and_out_by_itself() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let headers = HeaderMap::new();
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: true,
    };
    let new = house
        .wing
        .sign_in(&ada.id, &["pwd", "otp", "mfa"], request)
        .await
        .expect("signed in");
    assert_eq!(new.session.acr.as_deref(), Some("2"));
    let cookies = new.cookies();
    assert_eq!(cookies.len(), 2, "its own, and one the browser is known by");
    let cookie = cookies[0].to_str().expect("text");
    assert!(cookie.ends_with("Max-Age=5184000"), "{cookie}");
    let mut headers = HeaderMap::new();
    headers.insert(
        "cookie",
        cookie
            .split(';')
            .next()
            .expect("pair")
            .parse()
            .expect("header"),
    );
    let signed_in = house
        .wing
        .session(&headers)
        .await
        .expect("store")
        .expect("session");
    assert_eq!(signed_in.user, ada);
    let cookies = house.wing.sign_out(&headers).await.expect("signed out");
    assert!(cookies[0].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(house.wing.session(&headers).await, Ok(None));

    house.wing.disable_user(&ada.id).await.expect("disabled");
    let refused = house.wing.sign_in(&ada.id, &["pwd"], request).await;
    assert!(matches!(refused, Err(UserError::Disabled)));
}

struct Member {
    seats: u32,
}

struct Loader {
    fails: Arc<AtomicBool>,
}

#[async_trait]
impl ScopeLoader for Loader {
    async fn load(&self, signed_in: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err("the members' table is gone".into());
        }
        Ok(ScopeFacts {
            organization: Some("acme".to_owned()),
            role: Some("owner".to_owned()),
            admin: signed_in.user.email.as_deref() == Some(ADA),
            profile: Some(Arc::new(Member { seats: 3 })),
        })
    }
}

#[tokio::test]
async fn a_scope_is_what_the_loader_says_and_nothing_without_one() {
    let fails = Arc::new(AtomicBool::new(false));
    let house = House::with(settings().scope_loader(Loader {
        fails: fails.clone(),
    }));
    let user = house.account(ADA).await;
    let headers = HeaderMap::new();
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let new = house
        .wing
        .sign_in(&user.id, &["pwd"], request)
        .await
        .expect("signed in");
    let signed_in = SignedIn {
        session: new.session,
        user,
    };
    let scope = house.wing.scope(&signed_in).await.expect("scope");
    assert!(scope.admin);
    assert_eq!(scope.role.as_deref(), Some("owner"));
    assert_eq!(
        scope.profile::<Member>().map(|member| member.seats),
        Some(3)
    );
    assert!(scope.profile::<String>().is_none());
    assert!(!format!("{scope:?}").contains(ADA));
    fails.store(true, Ordering::SeqCst);
    let problem = house.wing.scope(&signed_in).await.expect_err("failed");
    assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        !problem.detail.contains("members"),
        "the cause is for the log"
    );

    let scope = House::new().wing.scope(&signed_in).await.expect("scope");
    assert!(!scope.admin && scope.role.is_none() && scope.organization.is_none());
}
