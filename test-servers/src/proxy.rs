//! A network between a client and its server that does what networks do.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Passes bytes between those who connect to it and a server, until told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Passing,
    Stalled,
    Cut,
    Dropped,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    upstream: SocketAddr,
    delay: Duration,
    /// How often connections have been cut.
    cuts: u64,
    /// Bytes are being delivered by so many.
    writing: usize,
    connections: HashMap<u64, [TcpStream; 2]>,
    accepted: u64,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Proxy {
    /// Listens on a loopback port of its own for who wants `upstream`.
    pub fn start(upstream: impl ToSocketAddrs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = State {
            mode: Mode::Passing,
            upstream: resolve(upstream),
            delay: Duration::ZERO,
            cuts: 0,
            writing: 0,
            connections: HashMap::new(),
            accepted: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || of_thread.listen(&listener));
        Self { port, shared }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the connections from now on lead.
    pub fn set_upstream(&self, upstream: impl ToSocketAddrs) {
        self.shared.state().upstream = resolve(upstream);
    }

    /// Has every piece of what is sent, either way, wait so long before it goes on.
    pub fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// From now on accepts connections and bytes, and delivers nothing.
    pub fn stall(&self) {
        let mut state = self.shared.enter(Mode::Stalled);
        // What is being delivered is taken at once, unless its receiver does not listen anyway.
        let deadline = Instant::now() + Duration::from_secs(1);
        while state.writing > 0 && Instant::now() < deadline {
            state = self.shared.wait(state, Duration::from_millis(10));
        }
    }

    /// Delivers what [`Proxy::stall`] held back, and passes bytes again.
    pub fn resume(&self) {
        drop(self.shared.enter(Mode::Passing));
    }

    /// Closes every connection, whatever is under way in it, and new ones at once.
    pub fn cut(&self) {
        self.shared.close_all(Mode::Cut);
    }

    /// Accepts connections again after [`Proxy::cut`].
    pub fn restore(&self) {
        drop(self.shared.enter(Mode::Passing));
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.close_all(Mode::Dropped);
        // Its listener looks up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn resolve(upstream: impl ToSocketAddrs) -> SocketAddr {
    let mut addresses = upstream.to_socket_addrs().expect("an address");
    addresses.next().expect("an address")
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, mode: Mode) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.mode = mode;
        self.changed.notify_all();
        state
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn close_all(&self, mode: Mode) {
        let mut state = self.enter(mode);
        state.cuts += 1;
        for [client, server] in state.connections.drain().map(|(_, pair)| pair) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    fn listen(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let state = self.state();
            let (upstream, cuts) = match state.mode {
                Mode::Dropped => return,
                Mode::Cut => continue,
                Mode::Passing | Mode::Stalled => (state.upstream, state.cuts),
            };
            drop(state);
            let Ok(client) = client else { continue };
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.connect(client, upstream, cuts));
        }
    }

    /// Connects a client to the server, unless connections have been cut since `cuts`.
    fn connect(self: Arc<Self>, client: TcpStream, upstream: SocketAddr, cuts: u64) -> Option<()> {
        let server = TcpStream::connect_timeout(&upstream, Duration::from_secs(10)).ok()?;
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let back = [server.try_clone().ok()?, client.try_clone().ok()?];
        let mut state = self.state();
        if state.cuts != cuts {
            return None;
        }
        state.accepted += 1;
        let id = state.accepted;
        let known = [client.try_clone().ok()?, server.try_clone().ok()?];
        state.connections.insert(id, known);
        drop(state);
        let shared = Arc::clone(&self);
        let answers = thread::spawn(move || shared.pass(back, cuts));
        self.pass([client, server], cuts);
        let _ = answers.join();
        self.state().connections.remove(&id);
        Some(())
    }

    /// Passes bytes one way until either end closes; that waits its turn as the bytes do.
    fn pass(&self, [mut from, mut to]: [TcpStream; 2], cuts: u64) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            let delay = self.state().delay;
            if read > 0 && !delay.is_zero() {
                thread::sleep(delay);
            }
            let mut state = self.state();
            while state.mode == Mode::Stalled && state.cuts == cuts {
                state = self.wait(state, Duration::from_secs(1));
            }
            if state.cuts != cuts {
                return;
            }
            state.writing += 1;
            drop(state);
            let chunk = buffer.get(..read).unwrap_or_default();
            let ended = read == 0 || to.write_all(chunk).is_err();
            if ended {
                let _ = to.shutdown(Shutdown::Write);
            }
            self.state().writing -= 1;
            self.changed.notify_all();
            if ended {
                let _ = from.shutdown(Shutdown::Read);
                return;
            }
        }
    }
}
