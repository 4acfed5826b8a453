//! Logins and certificates, of one server, of a cluster and under Sentinel.
#![expect(clippy::unwrap_used, reason = "test code")]

use auth_core::store::{SessionStore as _, StoreError};
use auth_store_redis::{RedisStore, RedisStoreBuilder};
use support::{claim, with_login};
use test_servers::{Redis, RedisAccess, RedisCluster, RedisSentinel};

mod support;

const USER: &str = "app";
// Some need to be written in another way in a URL.
const PASSWORD: &str = "p@ss,word/of:app";
const IN_URL: &str = "p%40ss%2Cword%2Fof%3Aapp";

fn login(user: &str) -> RedisAccess {
    RedisAccess {
        login: Some((user.into(), PASSWORD.into())),
        ..RedisAccess::default()
    }
}

async fn works(builder: &RedisStoreBuilder, url: &str) -> RedisStore {
    let store = builder.clone().open(url).await.unwrap();
    assert!(claim(&store, url).await.unwrap());
    assert!(!claim(&store, url).await.unwrap());
    // On connections of its own.
    let mut watch = store.watch_ended().await.unwrap();
    let session = support::session(url, "ada");
    store.insert_session(&session).await.unwrap();
    store
        .revoke_sessions_of(&session.user_id, None)
        .await
        .unwrap();
    assert_eq!(watch.next().await.unwrap()[0].id, session.id);
    assert!(!format!("{builder:?} {store:?}").contains(PASSWORD));
    store
}

/// What is said of a login that is refused; nothing of the password.
async fn refused(builder: &RedisStoreBuilder, url: &str) -> String {
    let Err(StoreError::Unavailable(error)) = builder.clone().open(url).await else {
        unreachable!("let in: {url}");
    };
    let said = format!("{error:?} {error}");
    for secret in ["wrong", PASSWORD, IN_URL] {
        assert!(!said.contains(secret), "{said}");
    }
    said
}

fn names_the_login(said: &str) -> bool {
    said.contains("WRONGPASS") || said.contains("AuthenticationFailed")
}

/// The login works, and another does not, nor none.
async fn asks_for_login(builder: &RedisStoreBuilder, url: &str, user: &str) {
    works(builder, &with_login(url, &format!("{user}:{IN_URL}"))).await;
    let said = refused(builder, &with_login(url, &format!("{user}:wrong"))).await;
    assert!(names_the_login(&said), "{said}");
    let said = refused(builder, &with_login(url, &format!("another:{IN_URL}"))).await;
    assert!(names_the_login(&said), "{said}");
    let said = refused(builder, url).await;
    assert!(said.contains("NOAUTH"), "{said}");
}

#[tokio::test]
async fn a_url_that_is_wrong_is_not_shown() {
    let port = test_servers::free_port();
    for url in [
        format!("redis://{USER}:{IN_URL}@127.0.0.1:none"),
        format!("redis://{USER}:{IN_URL}@127.0.0.1:{port}/none"),
        format!("redis://{USER}:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis://{USER}:{IN_URL}@127.0.0.1:{port}"),
        format!("redis+cluster://{USER}:{IN_URL}@127.0.0.1:{port}/1"),
        format!("redis+cluster://{USER}:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis+cluster://{USER}:{IN_URL}@127.0.0.1:none"),
        format!("redis+sentinel://{USER}:{IN_URL}@127.0.0.1:{port}"),
        format!("redis+sentinel://{USER}:{PASSWORD}@127.0.0.1:{port}/main"),
        format!("redis+sentinel://{USER}:{IN_URL}@127.0.0.1:{port}/main/none"),
    ] {
        refused(&support::builder(), &url).await;
    }
}

#[tokio::test]
async fn a_server_asks_for_a_login() {
    for user in ["default", USER] {
        let server = Redis::start_for(&login(user));
        asks_for_login(&support::builder(), &server.url(), user).await;
    }
    // Without a user's name it is the default user's.
    let server = Redis::start_for(&login("default"));
    let url = with_login(&server.url(), &format!(":{IN_URL}"));
    works(&support::builder(), &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_asks_for_a_login() {
    let cluster = RedisCluster::start_for(&login(USER));
    let url = support::url("cluster", &cluster.urls(), "");
    asks_for_login(&support::builder(), &url, USER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_servers_ask_for_logins_of_their_own() {
    for watcher in ["default", "watcher"] {
        let servers = RedisSentinel::start_for(&RedisAccess {
            sentinel_login: Some((watcher.into(), "of-watcher".into())),
            ..login(USER)
        });
        let path = format!("/{}", RedisSentinel::NAME);
        let url = support::url("sentinel", &servers.urls(), &path);
        let user = if watcher == "default" { "" } else { watcher };
        let builder = support::builder().sentinel_login(user, "of-watcher");
        assert!(!format!("{builder:?}").contains("of-watcher"));
        asks_for_login(&builder, &url, USER).await;

        let whole = with_login(&url, &format!("{USER}:{IN_URL}"));
        let other = support::builder().sentinel_login(user, "wrong");
        let said = refused(&other, &whole).await;
        assert!(names_the_login(&said), "{said}");
        let said = refused(&support::builder(), &whole).await;
        assert!(said.contains("NOAUTH"), "{said}");
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::fs;
    use std::path::PathBuf;

    use auth_core::store::SessionStore as _;
    use support::once_available;

    use super::{
        IN_URL, PASSWORD, RedisAccess, RedisCluster, RedisSentinel, RedisStoreBuilder, USER, claim,
        refused, support, with_login, works,
    };

    fn trusting(authority: PathBuf) -> RedisStoreBuilder {
        support::builder().root_certificate(fs::read(authority).unwrap())
    }

    fn known(
        builder: RedisStoreBuilder,
        (certificate, key): (PathBuf, PathBuf),
    ) -> RedisStoreBuilder {
        builder.client_certificate(fs::read(certificate).unwrap(), fs::read(key).unwrap())
    }

    /// In a URL of another scheme.
    fn plain(url: &str) -> String {
        url.replacen("rediss", "redis", 1)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_over_tls() {
        let mut cluster = RedisCluster::start_for(&RedisAccess::tls());
        let url = support::url("cluster", &cluster.urls(), "");
        assert!(url.starts_with("rediss+cluster://"));
        let store = works(&trusting(cluster.ca_certificate()), &url).await;
        // Every node is who it should be, not only the first.
        for number in 0..30 {
            assert!(claim(&store, &number.to_string()).await.unwrap());
        }
        refused(&support::builder(), &url).await;
        refused(&support::builder(), &plain(&url)).await;

        let key = format!("{}:u:{{ada}}", support::prefix());
        cluster.kill_node(cluster.primary_of(&key));
        let session = support::session("after", "ada");
        once_available(async || store.insert_session(&session).await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_asks_for_a_clients_certificate() {
        let cluster = RedisCluster::start_for(&RedisAccess {
            client_certificates: true,
            login: Some((USER.into(), PASSWORD.into())),
            ..RedisAccess::tls()
        });
        // One node is enough to find the others.
        let url = support::url("cluster", &cluster.urls()[..1], "");
        let url = with_login(&url, &format!("{USER}:{IN_URL}"));
        let builder = trusting(cluster.ca_certificate());
        refused(&builder, &url).await;
        let store = works(&known(builder, cluster.client_certificate()), &url).await;
        for number in 0..30 {
            assert!(claim(&store, &number.to_string()).await.unwrap());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failover_under_sentinel_over_tls_is_followed() {
        let mut servers = RedisSentinel::start_for(&RedisAccess {
            tls: true,
            client_certificates: true,
            login: Some((USER.into(), PASSWORD.into())),
            sentinel_login: Some(("watcher".into(), "of-watcher".into())),
        });
        let path = format!("/{}", RedisSentinel::NAME);
        let url = support::url("sentinel", &servers.urls(), &path);
        assert!(url.starts_with("rediss+sentinel://"));
        let url = with_login(&url, &format!("{USER}:{IN_URL}"));
        let watching = |builder: RedisStoreBuilder| builder.sentinel_login("watcher", "of-watcher");
        let trusting = watching(trusting(servers.ca_certificate()));
        let builder = known(trusting.clone(), servers.client_certificate());
        let store = works(&builder, &url).await;
        refused(&trusting, &url).await;
        refused(&watching(support::builder()), &url).await;
        refused(&watching(support::builder()), &plain(&url)).await;

        let strict = builder.acknowledged_by(1).open(&url).await.unwrap();
        assert!(claim(&strict, "before").await.unwrap());
        let before = servers.primary_url();
        servers.kill_primary();
        assert!(once_available(async || claim(&store, "after").await).await);
        servers.wait_until_ok();
        assert_ne!(servers.primary_url(), before);
        assert!(!claim(&store, "before").await.unwrap());
    }
}
