//! The scenes, in order. Each stands for itself: it begins with nobody signed in, long after the one before.

mod account;
mod authorize;
mod bodies;
mod callers;
mod client_auth;
mod consent;
mod discovery;
mod end_session;
mod forgery;
mod guards;
mod headers;
mod headless;
mod introspect;
mod methods;
mod outage;
mod paths;
mod prompts;
mod proxies;
mod redeem;
mod refresh;
mod register;
mod return_to;
mod session;
mod sign_in;
mod sign_out;
mod steps;
mod upgrade;
mod userinfo;

use std::future::Future;
use std::pin::Pin;

use super::stage::Stage;

/// Plays a few steps.
pub(super) type Scene = for<'a, 's> fn(&'a mut Stage<'s>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! scenes {
    ($($name:literal => $scene:path),* $(,)?) => {
        pub(super) const SCENES: &[(&str, Scene)] = &[
            $(($name, |stage| Box::pin($scene(stage)))),*
        ];
    };
}

scenes! {
    "discovery" => discovery::documents,
    "assets" => discovery::assets,
    "methods: signed out" => methods::signed_out,
    "methods: signed in" => methods::signed_in,
    "paths" => paths::unknown,
    "paths: odd targets" => paths::odd,
    "bodies: large" => bodies::large,
    "bodies: media types" => bodies::media_types,
    "bodies: chunked" => bodies::chunked,
    "upgrade" => upgrade::upgrade,
    "upgrade: CONNECT" => upgrade::connect,
    "parameters" => bodies::parameters,
    "headers: repeated" => headers::repeated,
    "headers: not UTF-8" => headers::not_utf8,
    "headers: cookies" => headers::cookies,
    "headers: forwarded" => proxies::forwarded,
    "headers: forged addresses" => proxies::forged_addresses,
    "forgery" => forgery::cross_site,
    "forgery: form tokens" => forgery::form_tokens,
    "headless" => headless::as_json,
    "headless: negotiation" => headless::negotiation,
    "registration" => register::registration,
    "registration: refused" => register::refused,
    "sign-in" => sign_in::good,
    "sign-in: wrong" => sign_in::wrong,
    "sign-in: throttled" => sign_in::throttled,
    "sign-in: confirmed" => sign_in::confirmed,
    "session" => session::as_json,
    "session: time" => session::time,
    "account: profile" => account::profile,
    "account: password" => account::password,
    "account: sessions" => account::sessions,
    "sign-out" => sign_out::sign_out,
    "return_to" => return_to::tricks,
    "authorize" => authorize::get_and_post,
    "authorize: response modes" => authorize::response_modes,
    "authorize: refused on a page" => authorize::refused_on_a_page,
    "authorize: refused to the client" => authorize::refused_to_the_client,
    "authorize: two tabs" => authorize::two_tabs,
    "consent" => consent::allow_and_deny,
    "consent: taken back" => consent::taken_back,
    "consent: forms of others" => consent::forms_of_others,
    "prompt" => prompts::prompts,
    "prompt: choose an account" => prompts::choose_an_account,
    "prompt: max_age" => prompts::max_age,
    "code" => redeem::good,
    "code: bad" => redeem::bad,
    "code: replayed" => redeem::replayed,
    "refresh" => refresh::rotation,
    "refresh: reused" => refresh::reused,
    "refresh: narrowed" => refresh::narrowed,
    "client authentication" => client_auth::secrets,
    "client authentication: private_key_jwt" => client_auth::assertions,
    "client_credentials" => client_auth::client_credentials,
    "introspection" => introspect::introspection,
    "revocation" => introspect::revocation,
    "userinfo" => userinfo::tokens,
    "userinfo: claims" => userinfo::claims,
    "end_session" => end_session::with_hint,
    "end_session: asked" => end_session::asked,
    "end_session: destinations" => end_session::destinations,
    "host: pages" => guards::pages,
    "host: APIs" => guards::apis,
    "host: recent sign-in" => guards::recent,
    "host: scopes" => guards::scopes,
    "host: who is signed in" => guards::people,
    "host: access tokens" => guards::tokens,
    "host: nested" => guards::nested,
    "host: broken" => guards::broken,
    "host: forwarded" => guards::forwarded,
    "host: callers" => callers::credentials,
    "host: callers with scopes" => callers::scopes,
    "host: cookies of callers" => callers::cookies,
    "host: same origin" => callers::same_origin,
    "host: roles" => callers::roles,
    "host: addresses" => callers::address,
    "host: step-up" => callers::step_up,
    "outage: sessions" => outage::sessions,
}
