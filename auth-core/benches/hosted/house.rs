//! An app whose people sign in at WorkOS, and by other means.

use std::hint::black_box;
use std::sync::Arc;

use auth_core::auth::{Auth, Guard};
use auth_core::ground::jose::Algorithm;
use auth_core::ground::{Clock, ManualClock, SystemClock, Timestamp};
use auth_core::login::{Login, NewUser, SignInRequest, WorkOs};
use auth_core::store::MemoryStore;
use auth_core::testkit::Browser;
use http::{Request, StatusCode, header};

use crate::workos::FakeWorkOs;

pub(crate) struct House {
    pub(crate) workos: FakeWorkOs,
    pub(crate) clock: Arc<ManualClock>,
    auth: Auth,
}

struct Shared(Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl House {
    pub(crate) async fn new(algorithm: Algorithm, change: impl FnOnce(WorkOs) -> WorkOs) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let workos = FakeWorkOs::start(clock.clone(), algorithm).await;
        let auth = Auth::builder("https://app.example.com")
            .secret([7; 32])
            .store(MemoryStore::default())
            .clock(Shared(clock.clone()))
            .login(Login::default().hosted(change(workos.settings())))
            .prune_every(None)
            .build()
            .await
            .unwrap();
        Self {
            workos,
            clock,
            auth,
        }
    }

    /// The cookies of somebody who came from WorkOS.
    pub(crate) async fn hosted(&self) -> String {
        let mut browser = Browser::new(&self.auth);
        let answer = browser.get("/auth/login/with/workos").await;
        let state = answer.location_param("state").unwrap();
        let back = format!("/auth/callback/workos?code=01K2Q8&state={state}");
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser.cookies()
    }

    /// The cookie of somebody who did not.
    pub(crate) async fn ordinary(&self) -> String {
        let login = self.auth.login().unwrap();
        let user = NewUser {
            email: Some("bob@example.com".to_owned()),
            ..NewUser::default()
        };
        let user = login.create_user(user).await.unwrap();
        let request = SignInRequest {
            headers: &http::HeaderMap::new(),
            address: None,
            remember: false,
        };
        let new = login.sign_in(&user.id, &["pwd"], request).await.unwrap();
        let cookies = new.cookies();
        let pairs = cookies
            .iter()
            .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// A request to a route of the host's; whether it gets there.
    pub(crate) async fn ask(&self, cookies: &str, guard: &Guard) -> bool {
        let request = Request::get("/reports").header(header::COOKIE, cookies);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let admitted = self.auth.admit(&mut parts, guard).await.is_ok();
        black_box(parts);
        admitted
    }

    pub(crate) async fn pass(&self, cookies: &str, guard: &Guard) {
        assert!(self.ask(cookies, guard).await);
    }
}
