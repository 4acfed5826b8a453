//! TLS: who is trusted, and whose cryptography it is.
#![cfg(feature = "tls")]
#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::sync::Once;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use support::{claim, is_unavailable, trusting};
use test_servers::{Redis, RedisAccess};

mod support;

/// As a host does that has its own idea of cryptography.
fn choose_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.truncate(2);
        provider.install_default().unwrap();
    });
}

#[tokio::test]
async fn the_server_must_be_trusted() {
    choose_provider();
    let server = support::tls_server();
    let url = server.url();
    // The system does not know who signed its certificate.
    assert!(is_unavailable(&support::builder().open(&url).await));
    let other = Redis::start_tls();
    let opened = trusting(support::builder(), &other).open(&url).await;
    assert!(is_unavailable(&opened));
    // Two authorities: either will do.
    let builder = trusting(trusting(support::builder(), &other), server);
    let store = builder.open(&url).await.unwrap();
    assert!(claim(&store, "one").await.unwrap());
    // The name must be that of the certificate.
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    let opened = trusting(support::builder(), server).open(&elsewhere).await;
    assert!(is_unavailable(&opened));
}

#[tokio::test]
async fn the_hosts_choice_of_cryptography_stands() {
    choose_provider();
    let server = support::tls_server();
    let builder = trusting(support::builder(), server);
    builder.open(&server.url()).await.unwrap();
    let provider = CryptoProvider::get_default().unwrap();
    assert_eq!(provider.cipher_suites.len(), 2);
}

#[tokio::test]
async fn certificates_are_not_for_plain_text() {
    let server = support::tls_server();
    let plain = Redis::start();
    let url = plain.url();
    let opened = trusting(support::builder(), server).open(&url).await;
    assert!(is_unavailable(&opened));
    support::builder().open(&url).await.unwrap();
}

#[tokio::test]
async fn the_client_can_have_a_certificate() {
    choose_provider();
    let server = Redis::start_for(&RedisAccess {
        client_certificates: true,
        ..RedisAccess::tls()
    });
    let builder = trusting(support::builder(), &server);
    assert!(is_unavailable(&builder.clone().open(&server.url()).await));
    let (certificate, key) = server.client_certificate();
    let (certificate, key) = (fs::read(certificate).unwrap(), fs::read(key).unwrap());
    let builder = builder.client_certificate(certificate, key.clone());
    assert!(!format!("{builder:?}").contains(&format!("{key:?}")));
    let store = builder.open(&server.url()).await.unwrap();
    assert!(claim(&store, "one").await.unwrap());
}
