//! Second factors, devices, passkeys and the audit: a part of the tour.

use auth_core::store::{
    AddPasskey, AuditId, AuditQuery, AuditRecord, AuditStore as _, ClientId, DeviceId, DeviceSeen,
    DeviceStore as _, FactorId, FactorStore as _, Passkey, PasskeyId, PasskeyStore as _,
    TotpFactor, TrustedDevice, UserId,
};

use super::tour::{Tour, at, digest};

impl Tour<'_> {
    pub(super) async fn ways_in(&mut self) {
        self.totp().await;
        self.backup_codes().await;
        self.devices().await;
        self.passkeys().await;
        self.audit().await;
    }

    async fn totp(&mut self) {
        let (store, ada, id) = (self.store, UserId::new("ada"), FactorId::new("a"));
        let totp = TotpFactor {
            id: id.clone(),
            user_id: ada.clone(),
            secret: vec![1],
            created_at: at(0),
            confirmed_at: None,
            last_step: None,
        };
        assert!(store.begin_totp(&totp).await.unwrap());
        self.note("begin_totp, first");
        assert!(store.begin_totp(&totp).await.unwrap());
        self.note("begin_totp, again");
        assert!(store.confirm_totp(&ada, &id, 1, at(1)).await.unwrap());
        self.note("confirm_totp");
        assert!(!store.begin_totp(&totp).await.unwrap());
        self.note("begin_totp, confirmed");
        for spends in [true, false] {
            let spent = store.spend_totp_step(&ada, &id, 2).await.unwrap();
            assert_eq!(spent, spends);
            self.note("spend_totp_step");
        }
        assert!(store.totp(&ada).await.unwrap().is_some());
        self.note("totp");
        store.reseal_totp(&ada, &id, b"x").await.unwrap();
        self.note("reseal_totp");
        assert!(store.remove_totp(&ada).await.unwrap());
        self.note("remove_totp");
    }

    async fn backup_codes(&mut self) {
        let (store, ada) = (self.store, UserId::new("ada"));
        let codes = [digest("1"), digest("2")];
        store.replace_backup_codes(&ada, &codes).await.unwrap();
        self.note("replace_backup_codes, first");
        store.replace_backup_codes(&ada, &codes).await.unwrap();
        self.note("replace_backup_codes");
        let spent = store.consume_backup_code(&ada, &codes[0]).await;
        assert!(spent.unwrap());
        self.note("consume_backup_code");
        let spent = store.consume_backup_code(&ada, &codes[0]).await;
        assert!(!spent.unwrap());
        self.note("consume_backup_code, another");
        assert_eq!(store.backup_codes_left(&ada).await.unwrap(), 1);
        self.note("backup_codes_left");
        store.replace_backup_codes(&ada, &[]).await.unwrap();
        self.note("replace_backup_codes, none");
    }

    async fn devices(&mut self) {
        let (store, ada) = (self.store, UserId::new("ada"));
        for id in ["a", "b", "c"] {
            let device = TrustedDevice {
                id: DeviceId::new(id),
                user_id: ada.clone(),
                token_digest: digest(id),
                user_agent: None,
                created_at: at(0),
                expires_at: at(100),
            };
            store.trust_device(&device).await.unwrap();
            self.note("trust_device");
        }
        let id = DeviceId::new("a");
        assert!(store.trusted_device(&id).await.unwrap().is_some());
        self.note("trusted_device");
        assert_eq!(store.trusted_devices_of(&ada).await.unwrap().len(), 3);
        self.note("trusted_devices_of");
        assert!(store.distrust_device(&ada, &id).await.unwrap());
        self.note("distrust_device");
        assert_eq!(store.distrust_devices(&ada).await.unwrap(), 2);
        self.note("distrust_devices");
        for (verb, browser, answer) in [
            ("note_device, first", "x", DeviceSeen::First),
            ("note_device, new", "y", DeviceSeen::New),
            ("note_device, known", "x", DeviceSeen::Known),
        ] {
            let browser = digest(browser);
            let seen = store.note_device(&ada, &browser, at(0), at(100));
            assert_eq!(seen.await.unwrap(), answer);
            self.note(verb);
        }
        store.forget_devices(&UserId::new("bob")).await.unwrap();
        self.note("forget_devices");
    }

    async fn passkeys(&mut self) {
        let (store, ada) = (self.store, UserId::new("ada"));
        let passkey = |id: &str| Passkey {
            id: PasskeyId::new(id),
            user_id: UserId::new("ada"),
            name: String::new(),
            credential: vec![1],
            counter: 0,
            created_at: at(0),
            last_used_at: None,
        };
        for (verb, id, most, answer) in [
            ("add_passkey", "a", 2, AddPasskey::Added),
            ("add_passkey", "b", 2, AddPasskey::Added),
            ("add_passkey, refused", "c", 2, AddPasskey::TooMany),
            ("add_passkey, refused", "a", 9, AddPasskey::Exists),
        ] {
            let added = store.add_passkey(&passkey(id), most).await.unwrap();
            assert_eq!(added, answer);
            self.note(verb);
        }
        let id = PasskeyId::new("a");
        assert!(store.passkey(&id).await.unwrap().is_some());
        self.note("passkey");
        assert_eq!(store.passkeys_of(&ada).await.unwrap().len(), 2);
        self.note("passkeys_of");
        assert!(store.use_passkey(&id, 0, 1, b"x", at(1)).await.unwrap());
        self.note("use_passkey");
        assert!(store.rename_passkey(&ada, &id, "x").await.unwrap());
        self.note("rename_passkey");
        assert!(store.remove_passkey(&ada, &id).await.unwrap());
        self.note("remove_passkey");
        assert_eq!(store.remove_passkeys(&ada).await.unwrap(), 1);
        self.note("remove_passkeys");
    }

    async fn audit(&mut self) {
        let store = self.store;
        let record = |id: &str| AuditRecord {
            id: AuditId::new(id),
            at: at(1),
            event: "signed_in".to_owned(),
            actor: Some(UserId::new("ada")),
            subject: Some(UserId::new("ada")),
            organization: Some("acme".to_owned()),
            client: Some(ClientId::new("app")),
            address: None,
            data: "{}".to_owned(),
            expires_at: at(100),
        };
        let two = [record("a"), record("b")];
        store.append_audit(&two).await.unwrap();
        self.note("append_audit");
        store.append_audit(&two).await.unwrap();
        self.note("append_audit, again");
        let all = AuditQuery {
            // Of a few thousand rows MariaDB rather sorts all than looks up a hundred.
            limit: 5,
            ..AuditQuery::default()
        };
        let user = || Some(UserId::new("ada"));
        let queries = [
            AuditQuery {
                actor: user(),
                ..all.clone()
            },
            AuditQuery {
                subject: user(),
                ..all.clone()
            },
            AuditQuery {
                organization: Some("acme".to_owned()),
                ..all.clone()
            },
            AuditQuery {
                event: Some("signed_in".to_owned()),
                ..all.clone()
            },
            AuditQuery {
                since: Some(at(1)),
                until: Some(at(2)),
                ..all.clone()
            },
            all,
        ];
        for query in queries {
            assert_eq!(store.audit(&query).await.unwrap().len(), 2, "{query:?}");
            self.note("audit");
            let next = AuditQuery {
                after: Some((at(1), AuditId::new("b"))),
                ..query
            };
            assert_eq!(store.audit(&next).await.unwrap().len(), 1, "{next:?}");
            self.note("audit");
        }
    }
}
