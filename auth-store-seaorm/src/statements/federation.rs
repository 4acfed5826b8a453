//! Identities at other providers and the sign-ins there: a part of the tour.

use auth_core::store::{
    IdentityId, IdentityStore as _, IdentityUse, LinkIdentity, LinkedIdentity, SessionId,
    UpstreamSession, UpstreamSessionStore as _, UserId,
};

use super::tour::{Tour, at};

const ISSUER: &str = "https://id.example.com";

impl Tour<'_> {
    pub(super) async fn federation(&mut self) {
        self.identities().await;
        self.upstream_sessions().await;
    }

    async fn identities(&mut self) {
        let (store, ada, id) = (self.store, UserId::new("ada"), IdentityId::new("a"));
        let identity = |id: &str| LinkedIdentity {
            id: IdentityId::new(id),
            user_id: UserId::new("ada"),
            upstream: "example".to_owned(),
            issuer: ISSUER.to_owned(),
            subject: id.to_owned(),
            display: None,
            tokens: None,
            tokens_version: 0,
            created_at: at(0),
            last_used_at: None,
        };
        for (verb, id, most, answer) in [
            ("link_identity", "a", 2, LinkIdentity::Linked),
            ("link_identity", "b", 2, LinkIdentity::Linked),
            ("link_identity, refused", "c", 2, LinkIdentity::TooMany),
            ("link_identity, refused", "a", 9, LinkIdentity::Exists),
        ] {
            let linked = store.link_identity(&identity(id), most).await.unwrap();
            assert_eq!(linked, answer);
            self.note(verb);
        }
        assert!(store.identity(ISSUER, "a").await.unwrap().is_some());
        self.note("identity");
        assert_eq!(store.identities_of(&ada).await.unwrap().len(), 2);
        self.note("identities_of");
        for tokens in [None, Some(vec![1])] {
            let seen = IdentityUse {
                upstream: "example".to_owned(),
                display: None,
                tokens,
            };
            assert!(store.use_identity(&id, &seen, at(1)).await.unwrap());
            self.note("use_identity");
        }
        for replaces in [true, false] {
            let replaced = store.replace_identity_tokens(&id, 1, Some(b"x")).await;
            assert_eq!(replaced.unwrap(), replaces);
            self.note("replace_identity_tokens");
        }
        assert!(store.unlink_identity(&ada, &id).await.unwrap());
        self.note("unlink_identity");
        assert_eq!(store.unlink_identities(&ada).await.unwrap(), 1);
        self.note("unlink_identities");
    }

    async fn upstream_sessions(&mut self) {
        let (store, id) = (self.store, SessionId::new("a"));
        let session = |id: &str| UpstreamSession {
            session_id: SessionId::new(id),
            user_id: UserId::new("ada"),
            upstream: "example".to_owned(),
            issuer: ISSUER.to_owned(),
            subject: "ada".to_owned(),
            sid: Some("sid".to_owned()),
            secrets: vec![1],
            version: 0,
            expires_at: at(100),
        };
        for (verb, id) in [
            ("put_upstream_session", "a"),
            ("put_upstream_session, again", "a"),
            // Is there still when it is pruned.
            ("put_upstream_session", "b"),
        ] {
            store.put_upstream_session(&session(id)).await.unwrap();
            self.note(verb);
        }
        assert!(store.upstream_session(&id).await.unwrap().is_some());
        self.note("upstream_session");
        for replaces in [true, false] {
            let replaced = store.replace_upstream_secrets(&id, 0, b"x").await;
            assert_eq!(replaced.unwrap(), replaces);
            self.note("replace_upstream_secrets");
        }
        for subject in [None, Some("ada")] {
            for sid in [None, Some("sid")] {
                let found = store
                    .upstream_sessions("example", ISSUER, subject, sid, 9)
                    .await;
                assert_eq!(found.unwrap().len(), 2);
                self.note("upstream_sessions");
            }
        }
        for (verb, found) in [
            ("take_upstream_session", true),
            ("take_upstream_session, absent", false),
        ] {
            let taken = store.take_upstream_session(&id).await.unwrap();
            assert_eq!(taken.is_some(), found);
            self.note(verb);
        }
    }
}
