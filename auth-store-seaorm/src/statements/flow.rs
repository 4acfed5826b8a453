//! What whole requests send: the token endpoint, by way of everything that answers it.

use auth_core::auth::Auth;
use auth_core::ground::{Digest32, base64url};
use auth_core::login::{Argon2Cost, Login, NewUser};
use auth_core::provider::{NewClient, Provider};
use auth_core::testkit::{Answer, Browser};
use serde_json::{Value, json};

use super::place::Place;
use crate::SeaOrmStore;

const CLIENT: [(&str, &str); 2] = [
    ("client_id", "rp"),
    ("client_secret", "the-rp-client-secret-0123456789abcdef"),
];
const REDIRECT_URI: &str = "https://rp.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// What a request sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// `BEGIN` and `COMMIT` included.
    statements: usize,
    /// Transactions that write, a statement that writes by itself included.
    writes: usize,
}

/// A code redeemed for an access and a refresh token, and that refresh token used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Costs {
    redeem: Cost,
    refresh: Cost,
}

fn cost(store: &SeaOrmStore) -> (Cost, String) {
    // In the background: looked at from time to time, and written whenever something happens.
    let beside = [&store.tables.outbox, &store.tables.audit].map(ToString::to_string);
    let sent = store.db.seen.take();
    let is_beside = |sql: &str| beside.iter().any(|table| sql.contains(table));
    let sent = sent.iter().filter(|one| !is_beside(&one.sql));
    let sent: Vec<_> = sent.map(|one| one.sql.as_str()).collect();
    let (mut writes, mut in_transaction) = (0, false);
    for sql in &sent {
        match *sql {
            "BEGIN" => {
                in_transaction = true;
                writes += 1;
            }
            "COMMIT" | "ROLLBACK" => in_transaction = false,
            sql => writes += usize::from(!in_transaction && !sql.starts_with("SELECT")),
        }
    }
    let statements = sent.len();
    (Cost { statements, writes }, sent.join("\n"))
}

async fn auth(store: &SeaOrmStore) -> Auth {
    let cheap = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(store.clone())
        .prune_every(None)
        .login(Login::default().dangerous_weak_argon2(cheap))
        .provider(Provider::default());
    let auth = Box::pin(auth.build()).await.unwrap();
    let user = NewUser {
        email: Some(EMAIL.to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    auth.login().unwrap().create_user(user).await.unwrap();
    let [(_, id), (_, secret)] = CLIENT;
    let Value::Object(metadata) = json!({
        "client_id": id,
        "client_secret": secret,
        "client_name": "The third party",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "openid offline_access",
    }) else {
        return auth;
    };
    // Nobody is asked for consent.
    let client = NewClient::from_metadata(metadata).first_party(true);
    let provider = auth.provider().unwrap();
    provider.register_client(client).await.unwrap();
    auth
}

async fn code(browser: &mut Browser) -> String {
    let page = browser.get("/auth/login").await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    browser.submit(&page, &fields).await;
    let challenge = base64url(Digest32::of(VERIFIER).as_bytes());
    let url = format!(
        "/oauth/authorize?client_id=rp&response_type=code&redirect_uri=https%3A%2F%2Frp.example%2Fcallback\
         &scope=openid+offline_access&state=s&nonce=n&code_challenge={challenge}&code_challenge_method=S256"
    );
    let answer = browser.visit(&url).await;
    answer.location_param("code").unwrap()
}

async fn token(browser: &mut Browser, fields: &[(&str, &str)]) -> Answer {
    let fields = [fields, &CLIENT].concat();
    let answer = browser.post("/oauth/token", &fields).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer
}

async fn the_token_endpoint_costs(place: Place, expected: Costs) {
    let store = &place.store;
    let mut browser = Browser::new(&auth(store).await);
    // The second time nothing is made or read for the first time.
    for round in 0..2 {
        let code = code(&mut browser).await;
        store.db.seen.take();
        let redeemed = token(
            &mut browser,
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ],
        )
        .await;
        let (redeem, redeem_sent) = cost(store);
        let refresh_token = redeemed.json()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned();
        token(
            &mut browser,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh_token),
            ],
        )
        .await;
        let (refresh, refresh_sent) = cost(store);
        let costs = Costs { redeem, refresh };
        let sent = format!("{redeem_sent}\n\n{refresh_sent}");
        assert!(round == 0 || costs == expected, "{costs:#?}\n{sent}");
    }
}

const REFRESH: Cost = Cost {
    statements: 9,
    writes: 1,
};

/// The code is spent in one transaction and the family of tokens begins in another: spent it is, whatever follows.
const fn redeem(statements: usize) -> Cost {
    Cost {
        statements,
        writes: 2,
    }
}

const COSTS: Costs = Costs {
    redeem: redeem(8),
    refresh: REFRESH,
};

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    the_token_endpoint_costs(Place::in_memory().await, COSTS).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let place = Place::on(test_servers::postgres_url()).await;
    the_token_endpoint_costs(place, COSTS).await;
}

/// Without `RETURNING`, what was spent is read by a statement more.
#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    let place = Place::on(test_servers::mysql_url()).await;
    let costs = Costs {
        redeem: redeem(9),
        ..COSTS
    };
    the_token_endpoint_costs(place, costs).await;
}
