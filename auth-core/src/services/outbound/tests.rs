//! The client against real sockets, and against names that lie.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::resolve::LookUp;
use super::testing::{Loopback, Reply};
use super::{ClientCredentials, Outbound, OutboundError, OutboundPolicy};

/// A resolver that answers the first question with the first list, and the last list ever after.
fn names(answers: &[&[&str]]) -> (LookUp, Arc<AtomicUsize>) {
    let answers: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|list| list.iter().map(|text| text.parse().unwrap()).collect())
        .collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let look_up: LookUp = Arc::new(move |_| {
        let turn = counter
            .fetch_add(1, Ordering::SeqCst)
            .min(answers.len() - 1);
        let found = answers[turn].clone();
        Box::pin(async move { Ok(found) })
    });
    (look_up, asked)
}

/// A client for this one server.
fn client_for(server: &Loopback) -> Outbound {
    let policy = OutboundPolicy::default()
        .dangerous_allow_host(server.address().to_string())
        .timeout(Duration::from_millis(250))
        .body_limit(1000);
    Outbound::new(policy).unwrap()
}

async fn get(server: &Loopback) -> Result<String, OutboundError> {
    let bytes = client_for(server)
        .get_json_bytes(&server.url("/keys"))
        .await?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_document_of_an_excepted_host() {
    let server = Loopback::start(|_| Reply::json(r#"{"keys":[]}"#)).await;
    assert_eq!(get(&server).await.unwrap(), r#"{"keys":[]}"#);
    let head = server.heads().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("get /keys http/1.1\r\n"));
    assert!(head.contains("accept: application/json"));
    for nothing_of in ["authorization", "cookie", "referer"] {
        assert!(!head.contains(nothing_of), "{head}");
    }
}

async fn post(server: &Loopback) -> Result<String, OutboundError> {
    let credentials = ClientCredentials::new("api", "hush");
    let bytes = client_for(server)
        .post_form(
            &server.url("/ask"),
            Some(&credentials),
            &[("token", "t+/= &"), ("token_type_hint", "access_token")],
        )
        .await?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_form_and_its_answer() {
    let server = Loopback::start(|_| Reply::json(r#"{"active":false}"#)).await;
    assert_eq!(post(&server).await.unwrap(), r#"{"active":false}"#);
    let request = server.heads().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lower = head.to_ascii_lowercase();
    assert!(lower.starts_with("post /ask http/1.1\r\n"));
    assert!(lower.contains("content-type: application/x-www-form-urlencoded"));
    assert!(lower.contains("accept: application/json"));
    assert!(lower.contains("authorization: basic "));
    assert_eq!(body, "token=t%2B%2F%3D+%26&token_type_hint=access_token");
    assert_eq!(server.hits("/ask"), 1);
    // Without credentials nothing says who asks.
    let client = client_for(&server);
    let url = server.url("/ask");
    assert!(client.post_form(&url, None, &[]).await.is_ok());
    let head = server.heads()[1].to_ascii_lowercase();
    assert!(!head.contains("authorization"), "{head}");
}

#[tokio::test]
async fn credentials_are_form_urlencoded_before_base64() {
    let server = Loopback::start(|_| Reply::json("{}")).await;
    let client = client_for(&server);
    for (id, secret) in [
        ("api", "hush"),
        ("urn:api:1", "s+ %\u{fc}:&="),
        ("https://api.example/", "a b*c~d"),
    ] {
        let credentials = ClientCredentials::new(id, secret);
        let url = server.url("/ask");
        assert!(
            client
                .post_form(&url, Some(&credentials), &[])
                .await
                .is_ok()
        );
        let head = server.heads().pop().unwrap();
        let value = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "))
            .unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
        // What a provider reads by the same rule.
        let read = crate::web::BasicCredentials::from_headers(&headers);
        let read = read.unwrap().unwrap();
        assert_eq!(
            (read.username.as_str(), read.password.as_str()),
            (id, secret)
        );
        if id == "urn:api:1" {
            // urn%3Aapi%3A1:s%2B+%25%C3%BC%3A%26%3D
            let encoded = "dXJuJTNBYXBpJTNBMTpzJTJCKyUyNSVDMyVCQyUzQSUyNiUzRA==";
            assert_eq!(value, format!("Basic {encoded}"));
        }
    }
}

#[tokio::test]
async fn threat_44_credentials_go_to_no_other_address() {
    let other = Loopback::start(|_| Reply::json("{}")).await;
    let credentials = ClientCredentials::new("api", "hush");
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let client = Outbound::new(policy).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let to = other.url("/ask");
        let server = Loopback::start(move |_| {
            Reply::raw(&format!(
                "HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            ))
        })
        .await;
        let url = server.url("/ask");
        let result = client.post_form(&url, Some(&credentials), &[]).await;
        assert!(matches!(result, Err(OutboundError::Status(code)) if code == status));
    }
    let client = Outbound::new(OutboundPolicy::default()).unwrap();
    for url in [
        other.url("/ask"),
        "http://issuer.test/ask".to_owned(),
        format!("https://127.0.0.1:{}/ask", other.address().port()),
        format!("https://localhost:{}/ask", other.address().port()),
        "https://169.254.169.254/".to_owned(),
    ] {
        let result = client.post_form(&url, Some(&credentials), &[]).await;
        assert!(
            matches!(
                result,
                Err(OutboundError::NotHttps | OutboundError::AddressRefused)
            ),
            "{url}: {result:?}"
        );
    }
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn threat_45_answers_to_forms_are_bounded_too() {
    let long = "x".repeat(1001);
    let server = Loopback::start(move |_| Reply::json(&long)).await;
    assert!(matches!(
        post(&server).await,
        Err(OutboundError::TooLarge { limit: 1000 })
    ));
    let silent = Loopback::start(|_| Reply::Stall(Vec::new())).await;
    assert!(matches!(post(&silent).await, Err(OutboundError::Timeout)));
    let page = Loopback::start(|_| Reply::ok("text/html", "<p>")).await;
    assert!(matches!(post(&page).await, Err(OutboundError::ContentType)));
}

#[tokio::test]
async fn json_by_its_media_type_alone() {
    for (content_type, good) in [
        ("application/jwk-set+json", true),
        ("Application/JSON; charset=utf-8", true),
        ("text/html", false),
        ("text/json", false),
        ("text/x+json", false),
        ("application/jsonp", false),
        ("", false),
    ] {
        let server = Loopback::start(move |_| Reply::ok(content_type, "{}")).await;
        let result = get(&server).await;
        match result {
            Ok(_) => assert!(good, "{content_type}"),
            Err(OutboundError::ContentType) => assert!(!good, "{content_type}"),
            Err(other) => panic!("{content_type}: {other}"),
        }
    }
}

#[tokio::test]
async fn threat_44_redirects_are_not_followed() {
    let other = Loopback::start(|_| Reply::json("{}")).await;
    let to = other.url("/inside");
    for status in [301, 302, 303, 307, 308] {
        let to = to.clone();
        let server = Loopback::start(move |_| {
            Reply::raw(&format!(
                "HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            ))
        })
        .await;
        // Even where the operator excepted both.
        let policy = OutboundPolicy::default().dangerous_allow_loopback();
        let client = Outbound::new(policy).unwrap();
        let result = client.get_json_bytes(&server.url("/")).await;
        assert!(matches!(result, Err(OutboundError::Status(code)) if code == status));
    }
    assert!(other.heads().is_empty());
    for status in [201, 204, 401, 404, 500] {
        let server = Loopback::start(move |_| Reply::status(status)).await;
        assert!(matches!(get(&server).await, Err(OutboundError::Status(code)) if code == status));
    }
}

#[tokio::test]
async fn threat_45_long_bodies_end_at_the_bound() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let announced = format!("{head}Content-Length: 1001\r\n\r\n");
    let unannounced = format!("{head}\r\n{}", "x".repeat(1001));
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}",
        format!("1f4\r\n{}\r\n", "x".repeat(500)).repeat(3)
    );
    for (name, text) in [
        ("announced", announced),
        ("unannounced", unannounced),
        ("chunked", chunked),
    ] {
        // The connection stays open: the bound ends it, not the sender.
        let server = Loopback::start(move |_| Reply::Stall(text.clone().into_bytes())).await;
        let result = get(&server).await;
        assert!(
            matches!(result, Err(OutboundError::TooLarge { limit: 1000 })),
            "{name}: {result:?}"
        );
    }
    let exact = "x".repeat(1000);
    let server = Loopback::start(move |_| Reply::json(&exact)).await;
    assert_eq!(get(&server).await.unwrap().len(), 1000);
    let short = format!("{head}Content-Length: 900\r\n\r\n{{}}");
    let server = Loopback::start(move |_| Reply::raw(&short)).await;
    assert!(matches!(
        get(&server).await,
        Err(OutboundError::Unreachable(_))
    ));
}

#[tokio::test]
async fn threat_45_slow_answers_end_in_time() {
    let silent = Loopback::start(|_| Reply::Stall(Vec::new())).await;
    assert!(matches!(get(&silent).await, Err(OutboundError::Timeout)));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{";
    let slow = Loopback::start(move |_| Reply::Stall(head.as_bytes().to_vec())).await;
    assert!(matches!(get(&slow).await, Err(OutboundError::Timeout)));
}

#[tokio::test]
async fn a_name_that_never_resolves_ends_in_time() {
    let look_up: LookUp = Arc::new(|_| Box::pin(std::future::pending()));
    let policy = OutboundPolicy::default().timeout(Duration::from_millis(100));
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    let result = client.get_json_bytes("https://issuer.test/").await;
    assert!(matches!(result, Err(OutboundError::Timeout)));
}

#[tokio::test]
async fn threat_44_private_addresses_in_every_spelling() {
    let client = Outbound::new(OutboundPolicy::default()).unwrap();
    for url in [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://①②⑦.0.0.1/",
        "https://127%2e0%2e0%2e1/",
        "https://0/",
        "https://10.0.0.1:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        // By name, resolved by the system from its hosts file.
        "https://localhost/",
        "https://LOCALHOST/",
    ] {
        let result = client.get_json_bytes(url).await;
        assert!(
            matches!(result, Err(OutboundError::AddressRefused)),
            "{url}: {result:?}"
        );
    }
}

#[tokio::test]
async fn urls_that_are_not_plain_https() {
    let client = Outbound::new(OutboundPolicy::default()).unwrap();
    let long = format!("https://issuer.test/{}", "x".repeat(2048));
    for url in [
        "",
        "keys",
        "/keys",
        "ftp://x/",
        "file:///etc/passwd",
        "data:,{}",
        "https://",
        &long,
    ] {
        assert!(
            matches!(client.admits(url), Err(OutboundError::InvalidUrl)),
            "{url}"
        );
    }
    assert!(matches!(
        client.admits("http://issuer.test/"),
        Err(OutboundError::NotHttps)
    ));
    for url in [
        "https://u@issuer.test/",
        "https://u:p@issuer.test/",
        "https://:p@issuer.test/",
    ] {
        assert!(
            matches!(client.admits(url), Err(OutboundError::UserInfo)),
            "{url}"
        );
    }
    assert!(client.admits("https://issuer.test/keys").is_ok());
    // One port of one host is excepted, and none beside it.
    let policy = OutboundPolicy::default().dangerous_allow_host("localhost:8080");
    let client = Outbound::new(policy).unwrap();
    assert!(client.admits("http://localhost:8080/").is_ok());
    for url in [
        "http://localhost:8081/",
        "http://localhost/",
        "http://localhost.:8080/",
    ] {
        assert!(
            matches!(client.admits(url), Err(OutboundError::NotHttps)),
            "{url}"
        );
    }
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let client = Outbound::new(policy).unwrap();
    for url in [
        "http://localhost:1/",
        "http://a.localhost/",
        "http://127.0.0.2/",
        "http://[::1]/",
    ] {
        assert!(client.admits(url).is_ok(), "{url}");
    }
    assert!(matches!(
        client.admits("http://10.0.0.1/"),
        Err(OutboundError::NotHttps)
    ));
    assert!(matches!(
        client.admits("http://localhost.test/"),
        Err(OutboundError::NotHttps)
    ));
}

#[tokio::test]
async fn threat_44_a_name_is_judged_by_its_addresses() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
        "fd00::1",
    ] {
        let (look_up, asked) = names(&[&[address]]);
        let client = Outbound::with_look_up(&OutboundPolicy::default(), look_up).unwrap();
        let result = client.get_json_bytes("https://address.nip.test/").await;
        assert!(
            matches!(result, Err(OutboundError::AddressRefused)),
            "{address}: {result:?}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn threat_44_rebinding_reaches_only_checked_addresses() {
    let server = Loopback::start(|_| Reply::json("{}")).await;
    let url = format!("https://issuer.test:{}/", server.address().port());

    // Permitted at the first question (in place of a public address, which a test has no business with), then not: the
    // second answer is checked like the first.
    let (look_up, asked) = names(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let policy = OutboundPolicy::default()
        .dangerous_allow_network("127.0.0.2")
        .timeout(Duration::from_millis(250));
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    let first = client.get_json_bytes(&url).await;
    assert!(!matches!(first, Err(OutboundError::AddressRefused)));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "one question for one request"
    );
    let second = client.get_json_bytes(&url).await;
    assert!(matches!(second, Err(OutboundError::AddressRefused)));

    // Both at once: what is not permitted is dropped.
    let (look_up, _) = names(&[&["127.0.0.1", "127.0.0.2"]]);
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    assert!(client.get_json_bytes(&url).await.is_err());
    assert!(server.heads().is_empty(), "nothing may have arrived");
}

#[tokio::test]
async fn threat_44_the_connection_goes_to_the_address_that_was_checked() {
    let server = Loopback::start(|_| Reply::json("{}")).await;
    let port = server.address().port();
    // The name exists nowhere but in this resolver.
    let (look_up, asked) = names(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let policy = OutboundPolicy::default().dangerous_allow_host(format!("issuer.test:{port}"));
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    let url = format!("http://issuer.test:{port}/");
    assert!(client.get_json_bytes(&url).await.is_ok());
    assert_eq!((asked.load(Ordering::SeqCst), server.hits("/")), (1, 1));

    // An excepted network is https still: the server sees the beginning of TLS.
    let (look_up, _) = names(&[&["127.0.0.1"]]);
    let policy = OutboundPolicy::default().dangerous_allow_network("127.0.0.0/8");
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    let result = client
        .get_json_bytes(&format!("https://issuer.test:{port}/"))
        .await;
    assert!(matches!(result, Err(OutboundError::Unreachable(_))));
    assert!(server.heads()[1].starts_with('\u{16}'));
    assert!(matches!(client.admits(&url), Err(OutboundError::NotHttps)));
}

#[tokio::test]
async fn threat_44_an_exception_is_for_its_own_url_alone() {
    let server = Loopback::start(|_| Reply::json("{}")).await;
    let port = server.address().port();
    let (look_up, _) = names(&[&["127.0.0.1"]]);
    let policy = OutboundPolicy::default()
        .dangerous_allow_host(format!("issuer.test:{port}"))
        .dangerous_allow_loopback();
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    assert!(
        client
            .get_json_bytes(&format!("http://issuer.test:{port}/"))
            .await
            .is_ok()
    );
    for url in [
        format!("https://evil.test:{port}/"),
        "https://issuer.test/".to_owned(),
    ] {
        let result = client.get_json_bytes(&url).await;
        assert!(
            matches!(result, Err(OutboundError::AddressRefused)),
            "{url}"
        );
    }
    // Loopback names have to lead to loopback.
    let (look_up, _) = names(&[&["10.0.0.1"]]);
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let client = Outbound::with_look_up(&policy, look_up).unwrap();
    let result = client.get_json_bytes("http://a.localhost/").await;
    assert!(matches!(result, Err(OutboundError::AddressRefused)));
}

/// Environment variables cannot be set safely in a running process, so the happy path runs in another one.
#[test]
fn no_proxy_of_the_environment_is_used() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "services::outbound::tests::a_document_of_an_excepted_host",
    ]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:9");
    }
    let output = child
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn policies_that_cannot_work() {
    let setting = |policy: OutboundPolicy| match Outbound::new(policy) {
        Err(OutboundError::Policy { setting, .. }) => setting,
        Err(_) => "another error",
        Ok(_) => "none",
    };
    let policy = OutboundPolicy::default;
    for host in [
        "localhost",
        "localhost:0",
        "localhost:99999",
        ":80",
        "a b:80",
        "http://x:80",
    ] {
        assert_eq!(
            setting(policy().dangerous_allow_host(host)),
            "dangerous_allow_host",
            "{host}"
        );
    }
    assert_eq!(setting(policy().dangerous_allow_host("[::1]:3000")), "none");
    assert_eq!(
        setting(policy().dangerous_allow_network("10.0.0.0/33")),
        "dangerous_allow_network"
    );
    assert_eq!(
        setting(policy().dangerous_allow_network("10.0.0.1")),
        "none"
    );
    assert_eq!(setting(policy().timeout(Duration::ZERO)), "timeout");
    assert_eq!(setting(policy().connect_timeout(Duration::ZERO)), "timeout");
    assert_eq!(
        setting(policy().timeout(Duration::from_secs(61))),
        "timeout"
    );
    assert_eq!(setting(policy().body_limit(0)), "body_limit");
    assert_eq!(setting(policy().body_limit(usize::MAX)), "body_limit");
}
