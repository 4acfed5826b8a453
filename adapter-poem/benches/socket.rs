//! poem over a socket, with and without us.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

#[path = "../../adapter-axum/benches/load/mod.rs"]
mod load;

use adapter_poem::{WithAuth as _, guard};
use load::{HELLO, Host};
use poem::endpoint::make_sync;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{EndpointExt as _, Route, Server, get};

fn main() {
    let (tell, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let host = Host::new().await;
            let app = Route::new()
                .at("/hello", get(make_sync(|_| HELLO)))
                .at(
                    "/guarded",
                    get(make_sync(|_| HELLO)).with(guard::signed_in()),
                )
                .with_auth(&host.auth);
            let acceptor = TcpListener::bind("127.0.0.1:0")
                .into_acceptor()
                .await
                .unwrap();
            let address = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
            tell.send((host, address)).unwrap();
            Server::new_with_acceptor(acceptor).run(app).await.unwrap();
        });
    });
    let (host, port) = port.recv().unwrap();
    host.report("poem", port);
}
