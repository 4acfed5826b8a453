//! actix-web over a socket, with and without us.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

#[path = "../../adapter-axum/benches/load/mod.rs"]
mod load;

use actix_web::web::get;
use actix_web::{App, HttpServer};
use adapter_actix::{WithAuth as _, guard};
use load::{HELLO, Host};

fn main() {
    let (tell, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let host = Host::new().await;
            let auth = host.auth.clone();
            let server = HttpServer::new(move || {
                App::new()
                    .route("/hello", get().to(|| async { HELLO }))
                    .route(
                        "/guarded",
                        get().to(|| async { HELLO }).wrap(guard::signed_in()),
                    )
                    .with_auth(&auth)
            });
            let server = server.workers(1).bind("127.0.0.1:0").unwrap();
            let port = server.addrs()[0].port();
            tell.send((host, port)).unwrap();
            server.run().await.unwrap();
        });
    });
    let (host, port) = port.recv().unwrap();
    host.report("actix-web", port);
}
