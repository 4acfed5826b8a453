use serde_json::{Value, json};

use super::{EmailVerified, Profile, ProfileMap, read, subject};

const MAP: ProfileMap = ProfileMap {
    subject: &["/id", "/other"],
    name: &["/name", "/login"],
    ..ProfileMap::OPENID
};

const PRIMARY: ProfileMap = ProfileMap {
    email: &["/email"],
    email_verified: EmailVerified::PrimaryOf {
        list: "/emails",
        address: "email",
        primary: "primary",
        verified: "verified",
    },
    ..ProfileMap::EMPTY
};

fn subject_of(document: &Value) -> Option<String> {
    subject(&MAP, document)
}

fn address(map: &ProfileMap, document: &Value) -> (Option<String>, bool) {
    let profile = read(map, document);
    (profile.email, profile.email_verified)
}

#[test]
fn threat_07_a_subject_is_text_or_a_whole_number_and_never_shared() {
    assert_eq!(subject_of(&json!({"id": "a b"})).as_deref(), Some("a b"));
    assert_eq!(subject_of(&json!({"id": 0})).as_deref(), Some("0"));
    assert_eq!(subject_of(&json!({"id": -7})).as_deref(), Some("-7"));
    let most = json!({"id": u64::MAX});
    assert_eq!(
        subject_of(&most).as_deref(),
        Some("18446744073709551615"),
        "no digit is lost"
    );
    assert_eq!(
        subject_of(&json!({"id": "x".repeat(255)}))
            .as_deref()
            .map(str::len),
        Some(255)
    );
    assert_eq!(
        subject_of(&json!({"id": null, "other": "o"})).as_deref(),
        Some("o"),
        "the first that fits"
    );
    for bad in [
        json!(null),
        json!(""),
        json!(" "),
        json!("\t\n"),
        json!("a\u{0}b"),
        json!("a\r\nb"),
        json!("\u{202e}a"),
        json!("x".repeat(256)),
        json!(true),
        json!(false),
        json!(1.5),
        json!(1e3),
        json!(["a"]),
        json!({"a": "a"}),
    ] {
        assert_eq!(subject_of(&json!({ "id": bad })), None, "{bad}");
    }
    let beyond: Value = serde_json::from_str(r#"{"id": 18446744073709551616}"#).unwrap();
    assert_eq!(
        subject_of(&beyond),
        None,
        "rounded, two people would be one"
    );
    for bad in [json!({}), json!(null), json!([]), json!("id"), json!(7)] {
        assert_eq!(subject_of(&bad), None, "{bad}");
    }
    assert_eq!(
        subject(&ProfileMap::EMPTY, &json!({"": "x", "id": "x"})),
        None
    );
}

#[test]
fn threat_18_what_cannot_be_read_is_left_out() {
    for bad in [
        "a\u{0}",
        "a\nb",
        "a\r\nSet-Cookie: x",
        "\u{1b}[31m",
        "Ada \u{202e}nimda",
        "\u{2066}a",
        "a\u{2028}b",
        "",
        "   ",
    ] {
        let document = json!({
            "name": bad, "given_name": bad, "family_name": bad, "preferred_username": bad, "locale": bad, "picture": bad,
            "email": bad,
        });
        assert_eq!(read(&MAP, &document), Profile::default(), "{bad:?}");
    }
    let markup = "<script>alert(1)</script>";
    assert_eq!(
        read(&MAP, &json!({"name": markup})).name.as_deref(),
        Some(markup),
        "a page escapes it"
    );
}

#[test]
fn what_is_of_another_type_is_not_there() {
    for bad in [
        json!(7),
        json!(true),
        json!(null),
        json!(["x@example.com"]),
        json!({"a": 1}),
    ] {
        let document = json!({
            "name": bad, "given_name": bad, "family_name": bad, "preferred_username": bad, "locale": bad, "picture": bad,
            "email": bad, "email_verified": true,
        });
        assert_eq!(read(&MAP, &document), Profile::default(), "{bad}");
    }
    for bad in [json!(null), json!([]), json!("name"), json!(7)] {
        assert_eq!(read(&MAP, &bad), Profile::default(), "{bad}");
    }
}

#[test]
fn the_first_name_that_fits_counts_and_long_ones_are_cut() {
    let name = |document: &Value| read(&MAP, document).name;
    assert_eq!(
        name(&json!({"name": " Ada ", "login": "l"})).as_deref(),
        Some("Ada")
    );
    assert_eq!(
        name(&json!({"name": "", "login": "l"})).as_deref(),
        Some("l")
    );
    assert_eq!(
        name(&json!({"name": 7, "login": "l"})).as_deref(),
        Some("l")
    );
    let long = name(&json!({"name": "é".repeat(300)})).unwrap();
    assert_eq!(long.chars().count(), 200);
}

#[test]
fn an_address_is_one_plain_address() {
    let email = |text: &str| read(&MAP, &json!({"email": text, "email_verified": true}));
    let good = email(" Ada@EXAMPLE.com ");
    assert_eq!(
        (good.email.as_deref(), good.email_verified),
        (Some("ada@example.com"), true)
    );
    for bad in [
        "",
        "ada",
        "a@b@c",
        "a@example.com,b@example.com",
        "Ada <a@example.com>",
        "a@example.com\nBcc: b@c.de",
    ] {
        let profile = email(bad);
        assert_eq!(
            (profile.email, profile.email_verified),
            (None, false),
            "{bad:?}"
        );
    }
    let long = format!("{}@example.com", "a".repeat(300));
    assert_eq!(email(&long).email, None);
}

#[test]
fn verified_is_what_the_provider_says_and_nothing_else() {
    let at = |said: Value| {
        address(
            &MAP,
            &json!({"email": "a@example.com", "email_verified": said}),
        )
        .1
    };
    for yes in [json!(true), json!("true"), json!(1), json!("1")] {
        assert!(at(yes.clone()), "{yes}");
    }
    for no in [
        json!(false),
        json!("false"),
        json!("True"),
        json!("yes"),
        json!(""),
        json!(0),
        json!(2),
        json!(1.0),
        json!(-1),
        json!(null),
        json!([true]),
        json!({"verified": true}),
    ] {
        assert!(!at(no.clone()), "{no}");
    }
    assert!(!address(&MAP, &json!({"email": "a@example.com"})).1);

    let both = ProfileMap {
        email_verified: EmailVerified::All(&["/valid", "/verified"]),
        ..MAP
    };
    let said = |valid: bool, verified: bool| {
        address(
            &both,
            &json!({"email": "a@example.com", "valid": valid, "verified": verified}),
        )
        .1
    };
    assert!(said(true, true));
    assert!(!said(true, false) && !said(false, true) && !said(false, false));
    assert!(!address(&both, &json!({"email": "a@example.com", "valid": true})).1);
    let none = ProfileMap {
        email_verified: EmailVerified::All(&[]),
        ..MAP
    };
    assert!(!address(&none, &json!({"email": "a@example.com"})).1);

    let never = ProfileMap {
        email_verified: EmailVerified::Never,
        ..MAP
    };
    assert!(
        !address(
            &never,
            &json!({"email": "a@example.com", "email_verified": true})
        )
        .1
    );
    let always = ProfileMap {
        email_verified: EmailVerified::Always,
        ..MAP
    };
    assert!(address(&always, &json!({"email": "a@example.com"})).1);
    assert_eq!(
        address(&always, &json!({"email": "nobody"})),
        (None, false),
        "no address is none"
    );
}

#[test]
fn of_a_list_the_primary_address_counts_with_its_own_word() {
    let list = |entries: Value| {
        address(
            &PRIMARY,
            &json!({"email": "public@example.com", "emails": entries}),
        )
    };
    let entry = |email: &str, primary: bool, verified: bool| json!({"email": email, "primary": primary, "verified": verified});
    assert_eq!(
        list(json!([
            entry("o@example.com", false, true),
            entry("P@example.com", true, true)
        ])),
        (Some("p@example.com".to_owned()), true)
    );
    assert_eq!(
        list(json!([
            entry("o@example.com", false, true),
            entry("p@example.com", true, false)
        ])),
        (Some("p@example.com".to_owned()), false),
        "another address's word does not count"
    );
    let public = (Some("public@example.com".to_owned()), false);
    for none in [
        json!(null),
        json!([]),
        json!({}),
        json!("x"),
        json!([7, null, "x", []]),
        json!([entry("o@example.com", false, true)]),
        json!([{"email": "o@example.com", "verified": true}]),
        json!([entry("nobody", true, true)]),
    ] {
        assert_eq!(list(none.clone()), public, "{none}");
    }
    let mut many = vec![entry("o@example.com", false, true); 100];
    many.push(entry("p@example.com", true, true));
    assert_eq!(
        list(json!(many)),
        public,
        "a list without end is not read to its end"
    );
}

#[test]
fn a_picture_is_https_and_stays_in_its_place() {
    let picture = |url: &str| read(&MAP, &json!({"picture": url})).picture;
    assert_eq!(
        picture("https://cdn.example/a?b=c").as_deref(),
        Some("https://cdn.example/a?b=c")
    );
    for bad in [
        "http://cdn.example/a",
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "//cdn.example/a",
        "/a",
        "https://",
        "https://user:password@cdn.example/a",
        "https://user@cdn.example/a",
        "https://cdn.example/\u{0}",
        "https://cdn.example/a\nb",
        &format!("https://cdn.example/{}", "a".repeat(2048)),
        &format!("https://cdn.example/{}", "é".repeat(700)),
    ] {
        assert_eq!(picture(bad), None, "{bad}");
    }

    let map = ProfileMap {
        picture: &["https://cdn.example/{/id}/{/avatar}.png"],
        ..ProfileMap::EMPTY
    };
    let built = |id: Value, avatar: Value| read(&map, &json!({"id": id, "avatar": avatar})).picture;
    let good = Some("https://cdn.example/7/a_1-B.png".to_owned());
    assert_eq!(built(json!("7"), json!("a_1-B")), good);
    assert_eq!(built(json!(7), json!("a_1-B")), good);
    for bad in [
        json!(null),
        json!(""),
        json!(".."),
        json!("a/b"),
        json!("a?b"),
        json!("a#b"),
        json!("a%2fb"),
        json!("a b"),
        json!("é"),
        json!(-1),
        json!(1.5),
        json!(true),
        json!("x".repeat(300)),
    ] {
        assert_eq!(built(json!("7"), bad.clone()), None, "{bad}");
        assert_eq!(built(bad.clone(), json!("a")), None, "{bad}");
    }
}

#[test]
fn a_language_is_a_tag() {
    let locale = |text: &str| read(&MAP, &json!({"locale": text})).locale;
    assert_eq!(locale("en").as_deref(), Some("en"));
    assert_eq!(locale("en_GB").as_deref(), Some("en-GB"));
    assert_eq!(locale("zh-Hant-TW").as_deref(), Some("zh-Hant-TW"));
    for bad in [
        "",
        "e",
        "7en",
        "-en",
        "en GB",
        "en\"",
        "../de",
        &"a".repeat(36),
    ] {
        assert_eq!(locale(bad), None, "{bad:?}");
    }
}

#[test]
fn a_language_may_come_in_two_parts() {
    let locale = |value: Value| read(&MAP, &json!({"locale": value})).locale;
    for (parts, tag) in [
        (json!({"country": "US", "language": "en"}), Some("en-US")),
        (json!({"country": "us", "language": "en"}), Some("en-US")),
        (json!({"language": "de"}), Some("de")),
        (json!({"language": "de", "country": null}), Some("de")),
        (json!({"language": "de", "country": ""}), Some("de")),
        (json!({"language": "de", "country": "../x"}), Some("de")),
        (json!({"country": "US"}), None),
        (json!({"country": "US", "language": 7}), None),
        (json!({}), None),
        (json!(["en", "US"]), None),
    ] {
        assert_eq!(locale(parts.clone()).as_deref(), tag, "{parts}");
    }
}

#[test]
fn all_pointers_of_a_map_are_told() {
    let map = ProfileMap {
        subject: &["/id"],
        picture: &["https://cdn.example/{/id}/{avatar}.png", "/picture"],
        email_verified: EmailVerified::All(&["/a", "/b"]),
        ..ProfileMap::EMPTY
    };
    assert_eq!(
        map.pointers(),
        ["/id", "/a", "/b", "/id", "avatar", "/picture"]
    );
    assert_eq!(PRIMARY.pointers(), ["/email", "/emails"]);
}
