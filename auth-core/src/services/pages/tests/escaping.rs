//! What comes from outside never becomes markup.

use super::*;

#[test]
fn threat_18_markup_in_any_value_is_escaped() {
    for page in PageName::ALL {
        for mut context in contexts(*page) {
            set_strings(&mut context, MARKUP);
            let html = render(*page, context);
            assert!(!html.contains("<script>"), "{page}: {html}");
            assert!(!html.contains("alert(1)</"), "{page}: {html}");
        }
    }
    let pages = Pages::builder().app_name(MARKUP).build().unwrap();
    for page in PageName::ALL {
        let html = pages.render(*page, "en", Sample::Full.of(*page)).unwrap();
        assert!(!html.contains("<script>"), "{page}: {html}");
        assert!(html.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn threat_18_markup_is_escaped_in_overrides() {
    let pages = Pages::builder()
        .template("error", "{{ message }}")
        .build()
        .unwrap();
    let mut context = Sample::Full.of(PageName::Error);
    context["message"] = MARKUP.into();
    let html = pages.render(PageName::Error, "en", context).unwrap();
    assert_eq!(html, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
}

#[cfg(feature = "provider")]
#[test]
fn threat_18_only_web_addresses_of_clients_become_links() {
    let bad = [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,x",
        "//reports.example",
    ];
    for url in bad {
        let mut consent = Sample::Full.of(PageName::Consent);
        for field in ["client_uri", "logo_uri", "policy_uri", "tos_uri"] {
            consent["client"][field] = url.into();
        }
        let html = render(PageName::Consent, consent);
        assert!(
            !html.contains("target=\"_blank\"") && !html.contains("<img"),
            "{html}"
        );

        let mut grants = Sample::Full.of(PageName::Grants);
        for field in ["client_uri", "logo_uri"] {
            grants["grants"][0][field] = url.into();
        }
        let html = render(PageName::Grants, grants);
        assert!(
            !html.contains("target=\"_blank\"") && !html.contains("<img"),
            "{html}"
        );

        let mut form_post = Sample::Full.of(PageName::FormPost);
        form_post["action"] = url.into();
        let html = render(PageName::FormPost, form_post);
        assert!(
            !html.contains("<form") && !html.contains("<script"),
            "{html}"
        );
        assert!(html.contains("id=\"error\""));
    }
    let html = render(PageName::Consent, Sample::Full.of(PageName::Consent));
    assert_eq!(html.matches("target=\"_blank\"").count(), 3);
    assert_eq!(html.matches("<img").count(), 1);
}

#[cfg(feature = "provider")]
#[test]
fn threat_18_fields_of_a_form_post_are_escaped() {
    let context = json!({
        "action": "https://reports.example/callback",
        "fields": [{ "name": MARKUP, "value": MARKUP }],
    });
    let html = render(PageName::FormPost, context);
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert_eq!(html.matches("&lt;script&gt;").count(), 2, "{html}");
}
