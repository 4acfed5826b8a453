//! axum over a socket, with and without us.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod load;

use adapter_axum::{WithAuth as _, guard};
use axum::Router;
use axum::routing::get;
use load::{HELLO, Host};

fn main() {
    let (tell, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let host = Host::new().await;
            let app: Router = Router::new()
                .route("/hello", get(|| async { HELLO }))
                .route(
                    "/guarded",
                    get(|| async { HELLO }).route_layer(guard::signed_in()),
                )
                .with_auth(&host.auth);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tell.send((host, port)).unwrap();
            let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        });
    });
    let (host, port) = port.recv().unwrap();
    host.report("axum", port);
}
