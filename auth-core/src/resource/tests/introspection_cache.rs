//! How long an answer lasts, and how often a question is asked.

use super::introspection::{API, Endpoint, ISSUER, Says, answer};
use super::*;
use crate::services::outbound::testing::Reply;

fn inactive() -> Says {
    Says::Answer(json!({ "active": false }))
}

#[tokio::test]
async fn a_revoked_token_works_as_long_as_its_answer_is_kept() {
    let endpoint = Endpoint::start().await;
    let bench = Bench::remote(endpoint.settings());
    assert_eq!(bench.outcome("opaque").await, "accepted");
    endpoint.says(inactive());
    bench.advance(Duration::from_millis(29_999));
    assert_eq!(bench.outcome("opaque").await, "accepted");
    assert_eq!(endpoint.asked(), 1);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.outcome("opaque").await, "inactive");
    assert_eq!(endpoint.asked(), 2);

    // A refusal lasts 5 s.
    endpoint.says(Says::Answer(answer()));
    bench.advance(Duration::from_millis(4_999));
    assert_eq!(bench.outcome("opaque").await, "inactive");
    assert_eq!(endpoint.asked(), 2);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.outcome("opaque").await, "accepted");
    assert_eq!(endpoint.asked(), 3);
    // Another token is another question.
    assert_eq!(bench.outcome("opaque2").await, "accepted");
    assert_eq!(endpoint.asked(), 4);
    assert_eq!(bench.reasons(), ["inactive", "inactive"]);
}

#[tokio::test]
async fn an_answer_lasts_no_longer_than_its_token() {
    let endpoint = Endpoint::start().await;
    endpoint.says(Says::Answer(with(answer(), "exp", json!(START + 10))));
    let settings = endpoint.settings().leeway(Duration::ZERO);
    let bench = Bench::remote(settings.introspection_cache(Duration::from_hours(1)));
    assert_eq!(bench.outcome("opaque").await, "accepted");
    bench.advance(Duration::from_millis(9_999));
    assert_eq!(bench.outcome("opaque").await, "accepted");
    assert_eq!(endpoint.asked(), 1);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.outcome("opaque").await, "expired");
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_kept_too() {
    let endpoint = Endpoint::start().await;
    endpoint.says(Says::Answer(with(answer(), "aud", json!("urn:other"))));
    let bench = Bench::remote(endpoint.settings());
    for _ in 0..3 {
        assert_eq!(bench.outcome("opaque").await, "wrong_audience");
    }
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test]
async fn an_outage_is_not_kept_and_does_not_undo_an_answer() {
    let endpoint = Endpoint::start().await;
    let bench = Bench::remote(endpoint.settings());
    assert_eq!(bench.outcome("known").await, "accepted");
    endpoint.says(Says::Reply(|| Reply::status(500)));
    assert_eq!(bench.outcome("known").await, "accepted");
    assert_eq!(bench.outcome("new").await, "temporarily_unavailable");
    bench.advance(Duration::from_secs(30));
    assert_eq!(bench.outcome("known").await, "temporarily_unavailable");
    endpoint.says(Says::Answer(answer()));
    assert_eq!(bench.outcome("known").await, "accepted");
    assert_eq!(bench.outcome("new").await, "accepted");
    assert_eq!(endpoint.asked(), 5);
}

#[tokio::test]
async fn without_a_cache_everyone_asks() {
    let endpoint = Endpoint::start().await;
    let bench = Bench::remote(endpoint.settings().introspection_cache(Duration::ZERO));
    assert_eq!(bench.outcome("opaque").await, "accepted");
    endpoint.says(inactive());
    assert_eq!(bench.outcome("opaque").await, "inactive");
    endpoint.says(Says::Answer(answer()));
    let both = tokio::join!(bench.outcome("opaque"), bench.outcome("opaque"));
    assert_eq!(both, ("accepted", "accepted"));
    assert_eq!(endpoint.asked(), 4);
}

#[tokio::test]
async fn threat_45_past_the_bound_the_oldest_goes() {
    let endpoint = Endpoint::start().await;
    let bench = Bench::remote(endpoint.settings().introspection_cache_entries(2));
    for (token, asked) in [
        ("a", 1),
        ("b", 2),
        ("a", 2),
        ("c", 3),
        // Used since, but asked about first.
        ("b", 3),
        ("a", 4),
        ("c", 4),
        ("b", 5),
    ] {
        assert_eq!(bench.outcome(token).await, "accepted");
        assert_eq!(endpoint.asked(), asked, "{token}");
    }
    // What is asked about again becomes the newest: c, b, then c anew, so b goes.
    bench.advance(Duration::from_secs(30));
    for (token, asked) in [("c", 6), ("d", 7), ("c", 7), ("b", 8)] {
        assert_eq!(bench.outcome(token).await, "accepted");
        assert_eq!(endpoint.asked(), asked, "{token}");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_forgets() {
    let endpoint = Endpoint::start().await;
    let ahead = Bench::remote(endpoint.settings());
    ahead.advance(Duration::from_mins(10));
    assert_eq!(ahead.outcome("opaque").await, "accepted");
    let earlier = Timestamp::from_seconds(START);
    let introspection = ahead.wing.issuers.introspecting("opaque").unwrap();
    assert!(introspection.verify("opaque", earlier).await.is_ok());
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_ask_once() {
    let endpoint = Endpoint::start().await;
    let bench = Arc::new(Bench::remote(endpoint.settings()));
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.outcome("opaque").await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), "accepted");
    }
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test]
async fn those_who_wait_share_an_outage_too() {
    let endpoint = Endpoint::start().await;
    endpoint.says(Says::Reply(|| Reply::status(503)));
    let bench = Bench::remote(endpoint.settings());
    let all = tokio::join!(
        bench.outcome("opaque"),
        bench.outcome("opaque"),
        bench.outcome("opaque")
    );
    let down = "temporarily_unavailable";
    assert_eq!(all, (down, down, down));
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_end_the_question() {
    let endpoint = Endpoint::start().await;
    let bench = Bench::remote(endpoint.settings());
    // Polled once, so that the question is asked, then dropped.
    let mut request = Box::pin(bench.send("opaque"));
    std::future::poll_fn(|context| {
        assert!(request.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    assert_eq!(bench.outcome("opaque").await, "accepted");
    assert_eq!(endpoint.asked(), 1);
}

#[test]
fn a_question_that_cannot_be_asked_is_an_outage() {
    let credentials = ClientCredentials::new("api", "hush");
    let url = "https://opaque.example/ask";
    let settings = Resource::default().introspect(ISSUER, url, credentials, API);
    let bench = Bench::build(settings, false, OutboundPolicy::default()).unwrap();
    // No runtime here.
    for _ in 0..2 {
        let mut request = Box::pin(bench.send("opaque"));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(outcome) = request.as_mut().poll(&mut context) else {
            panic!("nothing to wait for");
        };
        assert_eq!(*outcome.unwrap_err().refusal(), Refusal::Unavailable);
    }
}

#[test]
fn a_question_that_died_with_its_runtime_is_asked_again() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (serving, dying) = (runtime(), runtime());
    let endpoint = serving.block_on(Endpoint::start());
    let bench = Bench::remote(endpoint.settings());
    let mut request = Box::pin(bench.send("opaque"));
    dying.block_on(std::future::poll_fn(|context| {
        assert!(request.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    }));
    drop(dying);
    // Who waited is told; who comes later asks.
    let outcome = serving.block_on(request);
    assert_eq!(*outcome.unwrap_err().refusal(), Refusal::Unavailable);
    assert_eq!(serving.block_on(bench.outcome("opaque")), "accepted");
    assert_eq!(endpoint.asked(), 1);
}
