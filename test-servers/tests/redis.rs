//! Redis alone, as a cluster and under Sentinel.

use test_servers::{Redis, RedisAccess, RedisCluster, RedisSentinel};

#[test]
fn comes_back_empty() {
    let mut server = Redis::start_with(&["--maxclients", "77"]);
    assert!(server.cli(&["CONFIG", "GET", "maxclients"]).ends_with("77"));
    assert_eq!(server.cli(&["SET", "key", "value"]), "OK");
    server.kill();
    server.start_again();
    assert_eq!(server.cli(&["GET", "key"]), "");
    server.stop();
    server.start_again();
    assert_eq!(server.cli(&["PING"]), "PONG");
}

#[test]
#[should_panic(expected = "five ports")]
fn gives_up_when_every_port_is_taken() {
    let other = Redis::start();
    Redis::start_with(&["--port", &other.port().to_string()]);
}

#[test]
#[should_panic(expected = "Bad directive")]
fn says_why_it_did_not_start() {
    Redis::start_with(&["--nonsense", "yes"]);
}

#[test]
fn speaks_tls() {
    let server = Redis::start_tls();
    assert!(server.url().starts_with("rediss://"));
    assert!(server.ca_certificate().is_file());
    assert_eq!(server.cli(&["PING"]), "PONG");
}

#[test]
fn a_replica_takes_over_in_a_cluster() {
    let mut cluster = RedisCluster::start();
    assert_eq!(cluster.urls().len(), 6);
    let first = cluster.primary_of("key");
    assert_eq!(cluster.cli(first, &["SET", "key", "value"]), "OK");
    assert_eq!(cluster.cli(first, &["WAIT", "1", "5000"]), "1");
    cluster.kill_node(first);
    cluster.wait_until_ok();
    let second = cluster.primary_of("key");
    assert_ne!(first, second);
    assert_eq!(cluster.cli(second, &["GET", "key"]), "value");
    cluster.start_node_again(first);
    cluster.wait_until_ok();
    assert_eq!(cluster.primary_of("key"), second);
    assert_eq!(cluster.cli(first, &["DBSIZE"]), "1");
    cluster.pause_node(second);
    cluster.wait_until_ok();
    assert_eq!(cluster.primary_of("key"), first);
    cluster.resume_node(second);
    cluster.wait_until_ok();
    assert_eq!(cluster.primary_of("key"), first);
}

#[test]
fn a_replica_takes_over_under_sentinel() {
    let mut redis = RedisSentinel::start();
    assert_eq!(redis.urls().len(), 3);
    let first = redis.primary_url();
    redis.kill_primary();
    redis.wait_until_ok();
    assert_ne!(redis.primary_url(), first);
    redis.start_again();
    redis.wait_until_ok();
    assert_ne!(redis.primary_url(), first);
}

/// TLS, client certificates and users of their own, all at once.
fn guarded() -> RedisAccess {
    RedisAccess {
        tls: true,
        client_certificates: true,
        login: Some(("app".into(), "of-app".into())),
        sentinel_login: Some(("watcher".into(), "of-watcher".into())),
    }
}

#[test]
fn asks_for_a_password() {
    let access = RedisAccess {
        login: Some(("default".into(), "of-all".into())),
        ..RedisAccess::default()
    };
    let server = Redis::start_for(&access);
    assert_eq!(server.cli(&["ACL", "WHOAMI"]), "default");
    let password = server.cli(&["CONFIG", "GET", "requirepass"]);
    assert!(password.ends_with("of-all"));
}

#[test]
fn a_guarded_cluster_works() {
    let mut cluster = RedisCluster::start_for(&guarded());
    assert!(cluster.urls().iter().all(|url| url.starts_with("rediss:")));
    let first = cluster.primary_of("key");
    assert_eq!(cluster.cli(first, &["ACL", "WHOAMI"]), "app");
    assert_eq!(cluster.cli(first, &["SET", "key", "value"]), "OK");
    assert_eq!(cluster.cli(first, &["WAIT", "1", "5000"]), "1");
    cluster.kill_node(first);
    cluster.wait_until_ok();
    let second = cluster.primary_of("key");
    assert_eq!(cluster.cli(second, &["GET", "key"]), "value");
}

#[test]
fn a_guarded_primary_is_replaced_under_sentinel() {
    let mut redis = RedisSentinel::start_for(&guarded());
    assert!(redis.urls().iter().all(|url| url.starts_with("rediss:")));
    let first = redis.primary_url();
    redis.kill_primary();
    redis.wait_until_ok();
    assert_ne!(redis.primary_url(), first);
}
