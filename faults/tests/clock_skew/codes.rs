//! Authorization codes.

use std::time::Duration;

use faults::Step;

use crate::house::{House, OFFLINE, SECOND, house, house_on_redis, pairs};

const CODE_LIFE: Duration = Duration::from_mins(1);

async fn threat_12_codes(house: House) {
    for (made, asked) in pairs() {
        let mut person = house.person(&format!("p{made}{asked}"), made).await;
        let client = &house.client;
        let fresh = house.now(made) + CODE_LIFE > house.now(asked);
        let code = person.authorize(&house.nodes[made], OFFLINE).await.done();
        match client.redeem(&house.nodes[asked], &code).await {
            Step::Done(_) => assert!(fresh, "{made} to {asked}: an expired code was redeemed"),
            Step::Refused(answer) => {
                assert!(!fresh, "{made} to {asked}: {}", answer.text);
                assert_eq!(answer.json()["error"], "invalid_grant");
                client.redeem(&house.nodes[made], &code).await.done();
            }
            Step::Unavailable => panic!("no store is down"),
        }
        // Once is enough, also for the clock that finds it the youngest, and when the fastest has pruned.
        for _ in 0..90 {
            let answer = client.redeem(&house.nodes[0], &code).await.refused();
            assert_eq!(answer.json()["error"], "invalid_grant");
            house.advance(Duration::from_mins(1));
            house.prune().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_code_counts_once_and_where_it_is_fresh() {
    threat_12_codes(house().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_code_counts_once_and_where_it_is_fresh_on_redis() {
    threat_12_codes(house_on_redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_from_a_fast_clock_ends_by_the_clock_that_is_asked() {
    let house = house().await;
    let mut person = house.person("ada", 2).await;
    for (late, past) in [(false, Duration::ZERO), (true, SECOND)] {
        let end = house.now(2) + CODE_LIFE - SECOND + past;
        let code = person.authorize(&house.nodes[2], OFFLINE).await.done();
        house.advance_to(0, end);
        let redeemed = house.client.redeem(&house.nodes[0], &code).await;
        assert_eq!(matches!(redeemed, Step::Refused(_)), late);
    }
}
