//! A store that cannot answer is never "nobody".

use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::{KEY, SECRET};
use crate::testkit::script::host_routes::{
    API, CALLER, CALLS_REPORTS, NESTED_PAGE, OPTIONAL_CALLER, OPTIONAL_SCOPE, OPTIONAL_SESSION,
    OPTIONAL_USER, OWNER, PAGE, RECENT, SCOPE, SESSION, USER,
};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const PATHS: [&str; 16] = [
    USER,
    OPTIONAL_USER,
    SESSION,
    OPTIONAL_SESSION,
    SCOPE,
    OPTIONAL_SCOPE,
    CALLER,
    OPTIONAL_CALLER,
    CALLS_REPORTS,
    PAGE,
    NESTED_PAGE,
    API,
    RECENT,
    OWNER,
    "~/auth/account",
    "~/auth/session",
];

pub(super) async fn sessions(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    stage.host.sessions.set_down(true);
    for path in PATHS {
        for ask in [Ask::get(path), Ask::get(path).wants_html()] {
            let refused = alice.ask(stage, ask).await;
            refused.is(503).has("cache-control", "no-store");
            assert!(refused.header("retry-after").is_some(), "{}", refused.step);
            assert_eq!(refused.cookies_set(), 0, "{}", refused.step);
        }
    }
    // Who brings no session needs none.
    let nobody = stage.ask(Ask::get(OPTIONAL_USER)).await;
    nobody.is(200).says("nobody");
    let key = Ask::get(CALLER).header("x-api-key", KEY);
    stage.ask(key).await.is(200).says("billing");
    let token = [("grant_type", "client_credentials")];
    let token = Ask::post("~/oauth/token")
        .basic("bare", SECRET)
        .form(&token);
    stage.ask(token).await.is(200);
    stage.host.sessions.set_down(false);
    for path in PATHS {
        alice.get(stage, path).await.is(200);
    }
}
