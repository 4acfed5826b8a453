//! Signing keys.

use std::time::Duration;

use crate::house::{OFFLINE, house};

/// A key made by hand signs after ten minutes, by each node's own clock: so that nodes whose clocks are five minutes
/// apart have all read it by then, whichever of them made it.
#[tokio::test(flavor = "multi_thread")]
async fn no_node_signs_with_a_key_that_another_does_not_publish() {
    for makes in 0..2 {
        let house = house().await;
        let nodes = &house.nodes[..2];
        let mut person = house.person("ada", 1).await;
        let code = person.authorize(&nodes[1], OFFLINE).await.done();
        let mut tokens = house.client.redeem(&nodes[1], &code).await.done();
        let first = tokens.kid();
        let provider = nodes[makes].auth.provider().expect("a provider");
        provider.rotate_signing_keys().await.expect("new keys");
        for _ in 0..90 {
            for node in nodes {
                let refreshed = house.client.refresh(node, &tokens.refresh).await;
                tokens = refreshed.done();
                for other in nodes {
                    assert!(other.kids().await.contains(&tokens.kid()));
                }
            }
            house.advance(Duration::from_secs(13));
        }
        assert_ne!(tokens.kid(), first, "the new key signs");
    }
}
