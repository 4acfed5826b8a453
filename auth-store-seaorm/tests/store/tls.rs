//! TLS to the database: what goes over the wire is encrypted, and who answers there is who was asked for.

use std::error::Error;
use std::path::{Path, PathBuf};

use auth_core::store::{ClientId, ClientStore as _};
use auth_store_seaorm::SeaOrmStore;

use crate::support::{Place, client, query};

/// A server that speaks TLS alone, on 127.0.0.1 as its certificate says, and on 127.0.0.2.
struct Server {
    url: String,
    authority: PathBuf,
    /// Of another server.
    stranger: PathBuf,
    /// One that does not speak TLS.
    plain: String,
    spelling: Spelling,
}

/// How its URL says it.
struct Spelling {
    verify: &'static str,
    authority: &'static str,
    require: &'static str,
    disable: &'static str,
    /// Asks how this connection is encrypted.
    cipher: &'static str,
}

impl Server {
    fn elsewhere(&self) -> String {
        self.url.replacen("127.0.0.1", "127.0.0.2", 1)
    }

    fn verified(&self, url: &str, authority: &Path) -> String {
        let (verify, authority_is) = (self.spelling.verify, self.spelling.authority);
        format!("{url}?{verify}&{authority_is}={}", authority.display())
    }
}

/// All that an error says.
async fn refused(url: &str) -> String {
    let error = SeaOrmStore::open(url).await.unwrap_err();
    let mut next: Option<&dyn Error> = Some(&error);
    let mut text = String::new();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

async fn is_encrypted(server: &Server, url: &str) {
    let store = SeaOrmStore::open(url).await.unwrap();
    let id = ClientId::new("a");
    store.insert_client(&client("a")).await.unwrap();
    assert!(store.delete_client(&id).await.unwrap());
    let place = Place {
        url: url.to_owned(),
        prefix: String::new(),
    };
    let answer = query(&place.connect().await, server.spelling.cipher).await;
    let cipher: String = answer[0].try_get_by_index(0).unwrap();
    assert!(cipher.starts_with("TLS_"), "{cipher:?}");
}

async fn the_peer_is_known(server: &Server) {
    let error = refused(&format!("{}?{}", server.url, server.spelling.disable)).await;
    assert!(!error.contains("certificate"), "{error}");
    is_encrypted(server, &server.verified(&server.url, &server.authority)).await;

    let error = refused(&server.verified(&server.url, &server.stranger)).await;
    assert!(error.contains("invalid peer certificate"), "{error}");
    let error = refused(&format!("{}?{}", server.url, server.spelling.verify)).await;
    let unknown = "invalid peer certificate: UnknownIssuer";
    assert!(error.contains(unknown), "{error}");
    let elsewhere = server.elsewhere();
    let error = refused(&server.verified(&elsewhere, &server.authority)).await;
    assert!(error.contains("certificate not valid for name"), "{error}");
    assert!(error.contains("127.0.0.2"), "{error}");
}

/// Encrypted with whoever answers: enough against who only listens.
async fn less_is_asked_for(server: &Server) {
    let elsewhere = server.elsewhere();
    is_encrypted(server, &format!("{elsewhere}?{}", server.spelling.require)).await;
    is_encrypted(server, &elsewhere).await;
    let error = refused(&format!("{}?{}", server.plain, server.spelling.require)).await;
    assert!(error.contains("TLS"), "{error}");
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let (secured, other) = (
        test_servers::Postgres::start_tls(),
        test_servers::Postgres::start_tls(),
    );
    let server = Server {
        url: secured.url(),
        authority: secured.ca_certificate(),
        stranger: other.ca_certificate(),
        plain: test_servers::postgres_url(),
        spelling: Spelling {
            verify: "sslmode=verify-full",
            authority: "sslrootcert",
            require: "sslmode=require",
            disable: "sslmode=disable",
            cipher: "SELECT cipher FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()",
        },
    };
    the_peer_is_known(&server).await;
    less_is_asked_for(&server).await;
    // None of the store's connections is another's.
    let store = SeaOrmStore::open(&server.url).await.unwrap();
    assert!(store.client(&ClientId::new("a")).await.unwrap().is_none());
    let plain = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                 WHERE client_addr IS NOT NULL AND NOT ssl";
    assert_eq!(secured.sql(plain), "0");
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    let (secured, other) = (
        test_servers::MariaDb::start_tls(),
        test_servers::MariaDb::start_tls(),
    );
    // Otherwise root is known on 127.0.0.1 alone.
    let everywhere = "RENAME USER 'root'@'127.0.0.1' TO 'root'@'127.0.0.%'";
    secured.sql(everywhere);
    let server = Server {
        url: secured.url(),
        authority: secured.ca_certificate(),
        stranger: other.ca_certificate(),
        plain: test_servers::mysql_url(),
        spelling: Spelling {
            verify: "ssl-mode=VERIFY_IDENTITY",
            authority: "ssl-ca",
            require: "ssl-mode=REQUIRED",
            disable: "ssl-mode=DISABLED",
            cipher: "SELECT variable_value FROM information_schema.session_status \
                     WHERE variable_name = 'Ssl_cipher'",
        },
    };
    the_peer_is_known(&server).await;
    less_is_asked_for(&server).await;
}
