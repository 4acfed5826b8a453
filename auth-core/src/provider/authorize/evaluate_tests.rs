//! The table of `evaluate`: what was asked × who is signed in × what happened → the next step.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::client::ClientMetadata as _;
use super::evaluate::{Next, Progress, SignIn, evaluate};
use super::request::{AuthorizationRequest, Checked};
use super::response::ResponseTarget;
use crate::ground::Timestamp;
use crate::provider::SignedInAccount;
use crate::provider::subject::SubjectView;
use crate::store::{Client, Consent};

const NOW: Timestamp = Timestamp::from_seconds(10_000);

const SIGN_IN: SignIn = SignIn {
    reauthenticate: false,
    select_account: false,
    create: false,
};
const AGAIN: SignIn = SignIn {
    reauthenticate: true,
    ..SIGN_IN
};

/// A request as the store gives it back: what is stored is the whole of it.
fn checked(first_party: bool, uri: &str, members: &Value) -> Checked {
    let metadata = json!({ "application_type": "native", "redirect_uris": [uri] });
    let client = Client {
        client_id: "c".into(),
        metadata: metadata.as_object().expect("object").clone(),
        secrets: vec![],
        first_party,
        disabled_at: None,
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    };
    let mut request = json!({
        "client_id": "c", "redirect_uri": uri, "redirect_uri_given": true, "response_mode": "query",
        "state": null, "code_challenge": crate::ground::Digest32::of("x"), "scopes": ["openid", "email"],
        "nonce": null, "prompt": [], "max_age": null, "login_hint": null, "hinted_subject": null,
        "claims": null, "ui_locales": null,
    });
    for (name, value) in members.as_object().expect("object") {
        request[name] = value.clone();
    }
    let request: AuthorizationRequest = serde_json::from_value(request).expect("request");
    let uri = client.verify_redirect_uri(uri).expect("registered");
    let target = ResponseTarget::new("c".into(), uri).expect("target");
    Checked {
        client,
        target,
        request,
        subjects: SubjectView::Public,
    }
}

/// Signed in `age` seconds ago.
fn account(age: i64) -> SignedInAccount {
    SignedInAccount {
        subject: "u1".into(),
        session_id: None,
        auth_time: Timestamp::from_seconds(NOW.seconds() - age),
        signed_in_at: Timestamp::from_seconds(NOW.seconds() - age),
        amr: vec![],
        acr: Some("1".into()),
        display_name: String::new(),
    }
}

fn scopes(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn consent(names: &[&str]) -> Consent {
    Consent {
        subject: "u1".into(),
        client_id: "c".into(),
        scopes: scopes(names),
        granted_at: NOW,
        updated_at: NOW,
    }
}

/// Laid aside 100 s ago.
fn underway() -> Progress {
    Progress {
        began_at: Some(Timestamp::from_seconds(NOW.seconds() - 100)),
        account_chosen: None,
        confirmation_asked: false,
    }
}

/// The step of a first-party client, where consent plays no part.
fn step(members: &Value, account: Option<&SignedInAccount>, progress: &Progress) -> Next {
    let checked = checked(true, "https://c.example/cb", members);
    evaluate(&checked, account, None, progress, NOW)
}

fn error(next: Next) -> &'static str {
    match next {
        Next::Refuse(error) => error.error,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn who_must_sign_in() {
    let (select, create) = (
        SignIn {
            select_account: true,
            ..SIGN_IN
        },
        SignIn {
            create: true,
            ..SIGN_IN
        },
    );
    let none = Progress::default();
    for (members, expected) in [
        (json!({}), SIGN_IN),
        (json!({ "prompt": ["login"] }), SIGN_IN),
        (json!({ "prompt": ["select_account"] }), select),
        (json!({ "prompt": ["create"] }), create),
        (json!({ "max_age": 5, "hinted_subject": "u1" }), SIGN_IN),
    ] {
        assert_eq!(
            step(&members, None, &none),
            Next::SignIn(expected),
            "{members}"
        );
    }
}

#[test]
fn when_signed_in_is_enough() {
    // Members, age of the sign-in, whether enough while the request is being read, whether enough 100 s later.
    for (members, age, at_once, later) in [
        (json!({}), 5000, true, true),
        (json!({ "prompt": ["login"] }), 5000, false, false),
        (json!({ "prompt": ["login"] }), 101, false, false),
        (json!({ "prompt": ["login"] }), 100, false, true),
        (json!({ "prompt": ["login"] }), 0, false, true),
        (json!({ "prompt": ["create"] }), 101, false, false),
        (json!({ "prompt": ["create"] }), 10, false, true),
        (json!({ "max_age": 0 }), 0, false, true),
        (json!({ "max_age": 0 }), 101, false, false),
        (json!({ "max_age": 200 }), 200, true, true),
        (json!({ "max_age": 200 }), 201, false, false),
        (json!({ "max_age": 5 }), 50, false, true),
        (json!({ "max_age": u64::MAX }), 5000, true, true),
        (json!({ "hinted_subject": "u1" }), 5000, true, true),
        (
            json!({ "claims": { "id_token": { "sub": { "value": "u1" } } } }),
            5000,
            true,
            true,
        ),
        (
            json!({ "claims": { "id_token": { "acr": { "essential": true, "value": "1" } } } }),
            5000,
            true,
            true,
        ),
        (
            json!({ "claims": { "id_token": { "acr": { "values": ["2"] } } } }),
            5000,
            true,
            true,
        ),
    ] {
        let account = account(age);
        for (progress, enough) in [(Progress::default(), at_once), (underway(), later)] {
            let next = step(&members, Some(&account), &progress);
            let is_again = matches!(
                next,
                Next::SignIn(SignIn {
                    reauthenticate: true,
                    ..
                })
            );
            assert_eq!(
                next == Next::Issue,
                enough,
                "{members} {age} {progress:?}: {next:?}"
            );
            assert_eq!(is_again, !enough, "{members} {age} {progress:?}: {next:?}");
        }
    }
}

#[test]
fn another_person_than_asked_for() {
    let other = SignIn {
        select_account: true,
        ..AGAIN
    };
    let sub = json!({ "claims": { "id_token": { "sub": { "value": "u2" } } } });
    for members in [json!({ "hinted_subject": "u2" }), sub] {
        assert_eq!(
            step(&members, Some(&account(5000)), &Progress::default()),
            Next::SignIn(other)
        );
        assert_eq!(
            step(&members, Some(&account(5000)), &underway()),
            Next::SignIn(other)
        );
        // Signed in for this very request, and still another.
        assert_eq!(
            error(step(&members, Some(&account(10)), &underway())),
            "login_required"
        );
    }
}

#[test]
fn an_essential_acr() {
    let members =
        json!({ "claims": { "id_token": { "acr": { "essential": true, "values": ["2", "3"] } } } });
    assert_eq!(
        step(&members, Some(&account(5000)), &Progress::default()),
        Next::SignIn(AGAIN)
    );
    assert_eq!(
        error(step(&members, Some(&account(10)), &underway())),
        "login_required"
    );
    let mut strong = account(5000);
    strong.acr = Some("3".into());
    assert_eq!(
        step(&members, Some(&strong), &Progress::default()),
        Next::Issue
    );
    strong.acr = None;
    assert_eq!(
        step(&members, Some(&strong), &Progress::default()),
        Next::SignIn(AGAIN)
    );
}

#[test]
fn choosing_an_account() {
    let members = json!({ "prompt": ["select_account"] });
    let old = account(5000);
    assert_eq!(
        step(&members, Some(&old), &Progress::default()),
        Next::ChooseAccount
    );
    assert_eq!(step(&members, Some(&old), &underway()), Next::ChooseAccount);
    assert_eq!(step(&members, Some(&account(10)), &underway()), Next::Issue);
    let chosen = |subject: &str| Progress {
        account_chosen: Some(subject.into()),
        ..underway()
    };
    assert_eq!(step(&members, Some(&old), &chosen("u1")), Next::Issue);
    assert_eq!(
        step(&members, Some(&old), &chosen("u2")),
        Next::ChooseAccount
    );
    // Together with login, the sign-in offers the choice, and having chosen is no sign-in.
    let both = json!({ "prompt": ["select_account", "login"] });
    let expected = Next::SignIn(SignIn {
        select_account: true,
        ..AGAIN
    });
    assert_eq!(step(&both, Some(&old), &chosen("u1")), expected);
    assert_eq!(step(&both, Some(&account(10)), &underway()), Next::Issue);
}

#[test]
fn whether_consent_is_asked() {
    let (web, loopback, scheme) = (
        "https://c.example/cb",
        "http://127.0.0.1/cb",
        "com.example.c:/cb",
    );
    let (all, some) = (consent(&["openid", "email", "phone"]), consent(&["openid"]));
    let (plain, asked) = (json!({}), json!({ "prompt": ["consent"] }));
    let missing = |names: &[&str]| Next::Consent(scopes(names));
    let everything = ["openid", "email"];
    for (first_party, uri, members, remembered, expected) in [
        (true, web, &plain, None, Next::Issue),
        (true, scheme, &plain, None, Next::Issue),
        (true, web, &asked, None, missing(&everything)),
        (true, web, &asked, Some(&all), missing(&[])),
        (false, web, &plain, None, missing(&everything)),
        (false, web, &plain, Some(&all), Next::Issue),
        (false, web, &plain, Some(&some), missing(&["email"])),
        (false, web, &asked, Some(&all), missing(&[])),
        (false, loopback, &plain, Some(&all), missing(&[])),
        (false, scheme, &plain, Some(&all), missing(&[])),
        (false, scheme, &plain, None, missing(&everything)),
    ] {
        let checked = checked(first_party, uri, members);
        let next = evaluate(
            &checked,
            Some(&account(50)),
            remembered,
            &Progress::default(),
            NOW,
        );
        assert_eq!(
            next, expected,
            "{first_party} {uri} {members} {remembered:?}"
        );
    }
}

#[test]
fn prompt_none_turns_every_page_into_its_error() {
    let none = |members: Value| {
        let mut members = members;
        members["prompt"] = json!(["none"]);
        members
    };
    let at_once = Progress::default();
    let old = account(5000);
    assert_eq!(
        error(step(&none(json!({})), None, &at_once)),
        "login_required"
    );
    assert_eq!(step(&none(json!({})), Some(&old), &at_once), Next::Issue);
    for members in [
        json!({ "max_age": 10 }),
        json!({ "hinted_subject": "u2" }),
        json!({ "claims": { "id_token": { "acr": { "essential": true, "value": "9" } } } }),
    ] {
        assert_eq!(
            error(step(&none(members), Some(&old), &at_once)),
            "login_required"
        );
    }
    let third = checked(false, "https://c.example/cb", &none(json!({})));
    assert_eq!(
        error(evaluate(&third, Some(&old), None, &at_once, NOW)),
        "consent_required"
    );
    assert_eq!(
        error(Next::ChooseAccount.without_pages()),
        "account_selection_required"
    );
}

/// Signed in for the request just now, by what proves no more than what was proven long ago.
#[test]
fn a_sign_in_that_proves_nothing_new_is_asked_for_once() {
    let account = SignedInAccount {
        signed_in_at: Timestamp::from_seconds(NOW.seconds() - 10),
        ..account(5000)
    };
    let confirmed = || Progress {
        confirmation_asked: true,
        ..underway()
    };
    let step = |members: Value, progress: &Progress| step(&members, Some(&account), progress);
    // What is but wished, and what the sign-in chose.
    for members in [
        json!({}),
        json!({ "acr_values": ["2"] }),
        json!({ "prompt": ["select_account"] }),
        json!({ "max_age": 6000 }),
    ] {
        assert_eq!(step(members.clone(), &underway()), Next::Issue, "{members}");
    }
    let other = json!({ "hinted_subject": "u2" });
    assert_eq!(error(step(other, &underway())), "login_required");
    // What is to be confirmed: whoever chose or registered does not do so again.
    for members in [
        json!({ "prompt": ["login"] }),
        json!({ "prompt": ["login", "select_account"] }),
        json!({ "prompt": ["create"] }),
        json!({ "max_age": 0 }),
        json!({ "max_age": 60 }),
        json!({ "claims": { "id_token": { "acr": { "essential": true, "value": "2" } } } }),
    ] {
        let next = step(members.clone(), &underway());
        assert_eq!(next, Next::SignIn(AGAIN), "{members}");
        let next = step(members.clone(), &confirmed());
        assert_eq!(error(next), "login_required", "{members}");
    }
}

#[test]
fn to_have_been_led_to_confirm_is_nothing_without_a_sign_in() {
    let confirmed = Progress {
        confirmation_asked: true,
        ..underway()
    };
    for members in [
        json!({ "prompt": ["login"] }),
        json!({ "max_age": 60 }),
        json!({ "acr_values": ["2"] }),
        json!({ "claims": { "id_token": { "acr": { "essential": true, "value": "2" } } } }),
    ] {
        let next = step(&members, Some(&account(5000)), &confirmed);
        assert_eq!(next, Next::SignIn(AGAIN), "{members}");
    }
}
