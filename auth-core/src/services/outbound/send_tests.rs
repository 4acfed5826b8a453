//! Requests sent as they are.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request};

use super::testing::{Loopback, Reply};
use super::{Outbound, OutboundError, OutboundPolicy};

fn outbound() -> Outbound {
    let policy = OutboundPolicy::default()
        .dangerous_allow_loopback()
        .timeout(Duration::from_millis(500))
        .body_limit(1000);
    Outbound::new(policy).unwrap()
}

fn request(url: &str) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from_static(b"a=b"));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.parse().unwrap();
    let value = HeaderValue::from_static("Bearer hush");
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

#[tokio::test]
async fn any_status_is_an_answer() {
    for status in [200, 201, 400, 401, 404, 500, 503] {
        let server = Loopback::start(move |_| {
            Reply::raw(&format!(
                "HTTP/1.1 {status} X\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi"
            ))
        })
        .await;
        let answer = outbound()
            .send(request(&server.url("/x?y=z")))
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()[CONTENT_TYPE], "a/b");
        assert_eq!(answer.body().as_ref(), b"hi");
        let sent = server.heads().remove(0);
        assert!(sent.starts_with("POST /x?y=z HTTP/1.1\r\n"), "{sent}");
        assert!(
            sent.contains("Bearer hush") && sent.ends_with("\r\n\r\na=b"),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn threat_44_the_guards_are_the_same() {
    let other = Loopback::start(|_| Reply::json("{}")).await;
    let to = other.url("/inside");
    let server = Loopback::start(move |_| {
        Reply::raw(&format!(
            "HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    })
    .await;
    let answer = outbound().send(request(&server.url("/"))).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert!(answer.headers().contains_key(LOCATION));
    assert!(other.heads().is_empty());
    let strict = Outbound::new(OutboundPolicy::default()).unwrap();
    for url in [
        &server.url("/"),
        "https://169.254.169.254/",
        "https://localhost/",
    ] {
        let refused = strict.send(request(url)).await;
        assert!(
            matches!(
                refused,
                Err(OutboundError::NotHttps | OutboundError::AddressRefused)
            ),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn threat_45_so_are_the_bounds() {
    let long = "x".repeat(1001);
    let server = Loopback::start(move |_| Reply::json(&long)).await;
    assert!(matches!(
        outbound().send(request(&server.url("/"))).await,
        Err(OutboundError::TooLarge { limit: 1000 })
    ));
    let silent = Loopback::start(|_| Reply::Stall(Vec::new())).await;
    assert!(matches!(
        outbound().send(request(&silent.url("/"))).await,
        Err(OutboundError::Timeout)
    ));
}

#[cfg(feature = "testkit")]
#[tokio::test]
async fn answers_in_place_of_the_network_pass_the_same_guards() {
    let policy = OutboundPolicy::default()
        .body_limit(10)
        .answered_by(|request| {
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer hush");
            assert_eq!(request.body().as_ref(), b"a=b");
            let length = request.uri().path().len();
            http::Response::new(Bytes::from(vec![b'x'; length]))
        });
    let outbound = Outbound::new(policy).unwrap();
    // A name that nothing resolves.
    let send = |path: &str| outbound.send(request(&format!("https://idp.invalid{path}")));
    let answer = send("/token").await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_ref()),
        (200, &b"xxxxxx"[..])
    );
    assert!(matches!(
        send("/a-long-way-down").await,
        Err(OutboundError::TooLarge { limit: 10 })
    ));
    assert!(matches!(
        outbound.send(request("https://127.0.0.1/token")).await,
        Err(OutboundError::AddressRefused)
    ));
    assert!(matches!(
        outbound.send(request("http://idp.invalid/token")).await,
        Err(OutboundError::NotHttps)
    ));
}
