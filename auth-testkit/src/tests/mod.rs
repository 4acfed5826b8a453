//! The kit does what it says: each state is what a guard and the endpoints see.

mod devices;
mod mails;
mod states;
mod world;

use auth_core::auth::{Auth, AuthBuilder, Guard, Otherwise};
use auth_core::login::Login;
use http::Request;
use http::header::LOCATION;

use crate::{TestKit, Visitor};

pub(super) const ADA: &str = "ada@example.com";

pub(super) fn login() -> Login {
    TestKit::fast_login(Login::default())
}

/// A host's own builder, without what its `main` adds.
pub(super) fn host(login: Login) -> AuthBuilder {
    Auth::builder("https://app.example.com").login(login)
}

pub(super) async fn house(login: Login) -> (TestKit, Auth) {
    let kit = TestKit::new();
    let auth = kit.install(host(login)).build().await.expect("auth");
    (kit, auth)
}

/// What a guarded page of the host answers: `Ok` when it is shown, else where the visitor is sent.
pub(super) async fn ask(auth: &Auth, visitor: &Visitor, guard: Guard) -> Result<(), String> {
    let mut request = Request::get("/page").body(()).expect("request");
    visitor.apply(&mut request);
    let (mut parts, ()) = request.into_parts();
    let refused = match auth.admit(&mut parts, &guard).await {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let location = refused.headers().get(LOCATION);
    Err(match location {
        Some(location) => location.to_str().expect("text").to_owned(),
        None => refused.status().to_string(),
    })
}

pub(super) fn signed_in() -> Guard {
    Guard::SignedIn(Otherwise::SignIn)
}

pub(super) fn recent() -> Guard {
    Guard::RecentSignIn(None, Otherwise::SignIn)
}

pub(super) fn multi_factor() -> Guard {
    Guard::MultiFactor(Otherwise::SignIn)
}

pub(super) const TO_SIGN_IN: &str = "/auth/login?return_to=%2Fpage";
pub(super) const TO_STEP_UP: &str = "/auth/login?return_to=%2Fpage&reauthenticate=1";
