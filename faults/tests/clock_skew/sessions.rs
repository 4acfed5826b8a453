//! Sessions, and what else lives long.

use std::time::Duration;

use crate::house::{APART, House, OFFLINE, SECOND, house, house_on_redis, pairs};

const SESSION_IDLE: Duration = Duration::from_mins(30);
const REFRESH_IDLE: Duration = Duration::from_hours(24 * 14);

async fn sessions(house: House) {
    for (made, asked) in pairs() {
        let mut in_time = house.person(&format!("a{made}{asked}"), made).await;
        let mut late = house.person(&format!("b{made}{asked}"), made).await;
        let end = house.now(made) + SESSION_IDLE;
        for person in [&mut in_time, &mut late] {
            assert!(person.is_signed_in(&house.nodes[asked]).await.done());
        }
        house.advance_to(asked, end - SECOND);
        // Each look at a session is activity: so the first one lives on, and nobody looked at the second.
        let node = &house.nodes[asked];
        assert!(in_time.is_signed_in(node).await.done(), "{made} to {asked}");
        house.advance_to(asked, end + 2 * APART);
        assert!(in_time.is_signed_in(node).await.done(), "{made} to {asked}");
        assert!(!late.is_signed_in(node).await.done(), "{made} to {asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_crosses_and_ends_by_the_clock_that_is_asked() {
    sessions(house().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_crosses_and_ends_by_the_clock_that_is_asked_on_redis() {
    sessions(house_on_redis().await).await;
}

async fn what_is_kept(house: House) {
    let (slow, fast) = (&house.nodes[0], &house.nodes[2]);
    let client = &house.client;
    let mut person = house.person("ada", 0).await;
    let code = person.authorize(slow, OFFLINE).await.done();
    let tokens = client.redeem(slow, &code).await.done();
    let end = house.now(0) + REFRESH_IDLE;
    // Active on the slow node alone, until shortly before its day is over.
    for _ in 0..70 {
        house.advance(Duration::from_mins(20));
        house.prune().await;
        assert!(person.is_signed_in(slow).await.done());
    }
    assert!(person.is_signed_in(fast).await.done());
    while house.now(2) + Duration::from_hours(12) < end {
        house.advance(Duration::from_hours(6));
        house.prune().await;
    }
    house.advance_to(2, end - SECOND);
    house.prune().await;
    let tokens = client.refresh(fast, &tokens.refresh).await.done();
    let tokens = client.refresh(slow, &tokens.refresh).await.done();
    client.userinfo(slow, &tokens.access).await.done();
    // The ledger fails a person who is asked for consent once more.
    person.forget(slow);
    person.sign_in(slow).await.done();
    person.authorize(fast, OFFLINE).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_48_what_a_fast_node_prunes_nobody_misses() {
    what_is_kept(house().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_48_what_a_fast_node_prunes_nobody_misses_on_redis() {
    what_is_kept(house_on_redis().await).await;
}
