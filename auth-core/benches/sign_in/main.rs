//! What signing in costs beside the hash, what a flood of sign-ins does to the rest of the app, and whether time tells
//! which accounts exist.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod flood;
mod timing;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use auth_core::auth::Auth;
use auth_core::login::{Login, NewUser};
use auth_core::store::MemoryStore;
use auth_core::testkit::Ratio;
use auth_core::web::{ClientAddr, Response};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::json;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "seven grey parrots";

fn main() {
    let one = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let auth = one.block_on(host(MemoryStore::default()));
    let mut floor = raw_hash();
    let ratio = Ratio::of(4, &mut floor, || {
        let answer = one.block_on(sign_in(&auth, EMAIL, PASSWORD));
        assert_eq!(answer.status(), StatusCode::OK);
        black_box(answer);
    });
    println!("sign-in / raw Argon2id hash\n  {ratio} (at most 1.05)");
    timing::run(&one, &auth);
    flood::run();
}

async fn host(store: MemoryStore) -> Auth {
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(store)
        .login(Login::default())
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let user = NewUser {
        email: Some(EMAIL.to_owned()),
        password: Some(PASSWORD.into()),
        email_verified: true,
        ..NewUser::default()
    };
    auth.login().unwrap().create_user(user).await.unwrap();
    auth
}

/// The hash alone, with the memory at hand.
fn raw_hash() -> impl FnMut() {
    let params = Params::new(19_456, 2, 1, Some(32)).unwrap();
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    move || {
        let mut out = [0; 32];
        argon2
            .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut out, &mut memory)
            .unwrap();
        black_box(out);
    }
}

/// Each from an address of its own, so that no throttle is in the way.
async fn sign_in(auth: &Auth, email: &str, password: &str) -> Response {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0000);
    let address = Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed));
    let body = json!({ "email": email, "password": password }).to_string();
    let request = Request::post("/auth/login")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .extension(ClientAddr(IpAddr::V4(address)))
        .body(Bytes::from(body))
        .unwrap();
    auth.handle(request).await
}
