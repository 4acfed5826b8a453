//! Templates of a host in place of ours.

use super::*;

#[test]
fn an_override_replaces_a_page_and_may_extend_the_layout() {
    let source = "{% extends 'base.html' %}{% block title %}Oh{% endblock %}\
        {% block content %}<h1>Mine: {{ message }}</h1>{% endblock %}";
    for name in ["error", "error.html"] {
        let pages = Pages::builder().template(name, source).build().unwrap();
        let context = Sample::Full.of(PageName::Error);
        let html = pages.render(PageName::Error, "en", context).unwrap();
        assert!(html.contains("<h1>Mine: Someone tried"), "{html}");
        assert!(html.contains("<title>Oh · Account</title>"), "{html}");
    }
}

#[test]
fn a_broken_override_is_an_error_at_construction() {
    for (source, wrong) in [
        ("one\n{% if %}", "syntax error"),
        ("one\n{{ mesage }}", "undefined"),
        ("one\n{{ message|shout }}", "shout"),
        ("one\n{{ t('no.such') }}", "no.such"),
        ("one\n{{ t('error.status') }}", "status"),
        ("one\n{{ asset('no.css') }}", "no.css"),
        ("one\n{% include 'no.html' %}", "no.html"),
    ] {
        let error = Pages::builder()
            .template("error", source)
            .build()
            .unwrap_err();
        let PageError::Template { name, line, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((name.as_str(), *line), ("error.html", 2), "{error}");
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

#[test]
fn a_broken_layout_is_named_too() {
    let error = Pages::builder()
        .template("base", "\n\n{{ nothing }}")
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("template `base.html`, line 3: "),
        "{error}"
    );
}

#[test]
fn an_override_of_nothing_is_an_error() {
    let error = Pages::builder().template("logn", "").build().unwrap_err();
    assert!(error.to_string().contains("`logn.html`"), "{error}");
    assert!(error.to_string().contains("error.html"), "{error}");
}

#[test]
fn a_wing_left_out_has_no_templates() {
    let names: Vec<_> = templates::all().map(|(name, _)| *name).collect();
    assert_eq!(names.contains(&"login.html"), cfg!(feature = "login"));
    assert_eq!(names.contains(&"consent.html"), cfg!(feature = "provider"));
    assert_eq!(names.len(), PageName::ALL.len() + 2);
}

#[test]
fn a_missing_value_is_an_error_without_values() {
    let context = json!({ "status": 400, "title": "secret-title" });
    let error = pages().render(PageName::Error, "en", context).unwrap_err();
    assert!(
        matches!(
            &error,
            PageError::Render {
                page: PageName::Error,
                line: 6..,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}
