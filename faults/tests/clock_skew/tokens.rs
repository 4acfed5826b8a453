//! Access tokens.

use std::time::Duration;

use faults::{Folder, Ledger, Node, Person, Place, RelyingParty, TestClock};

use crate::house::{OFFLINE, SECOND, house, pairs};

const ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(15);

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_ends_by_the_clock_that_is_asked() {
    let house = house().await;
    let mut person = house.person("ada", 1).await;
    for (made, asked) in pairs() {
        let (here, there) = (&house.nodes[made], &house.nodes[asked]);
        // A long wait: the person would have to sign in again.
        person.sign_in(here).await.done();
        let code = person.authorize(here, OFFLINE).await.done();
        let (began, client) = (house.now(made), &house.client);
        let tokens = client.redeem(here, &code).await.done();
        // Also while it lies ahead of the clock that is asked.
        client.userinfo(there, &tokens.access).await.done();
        house.advance_to(asked, began);
        client.userinfo(there, &tokens.access).await.done();
        house.advance_to(asked, began + ACCESS_TOKEN_LIFE - SECOND);
        client.userinfo(there, &tokens.access).await.done();
        house.advance(SECOND);
        let refusal = client.userinfo(there, &tokens.access).await.refused();
        assert_eq!(refusal.json()["error"], "invalid_token");
        assert!(!client.introspect(there, &tokens.access).await.done());
    }
}

/// As far as clocks are apart that something keeps right.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_from_a_clock_two_seconds_ahead_is_accepted() {
    let folder = Folder::new();
    let place = Place::sql(folder.sqlite());
    let clock = TestClock::by_hand();
    let here = Node::with_clock(&place, &clock.clone().ahead(2 * SECOND)).await;
    let there = Node::with_clock(&place, &clock).await;
    here.register_client().await;
    let ledger = Ledger::new();
    let client = RelyingParty::new(&ledger);
    let mut person = Person::new("ada", &here, &ledger).await;
    person.sign_in(&here).await.done();
    let code = person.authorize(&there, OFFLINE).await.done();
    let tokens = client.redeem(&here, &code).await.done();
    client.userinfo(&there, &tokens.access).await.done();
    assert!(client.introspect(&there, &tokens.access).await.done());
}
