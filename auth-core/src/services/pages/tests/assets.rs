//! Files that pages name.

use super::*;

#[test]
fn assets_have_names_of_their_content() {
    let pages = Pages::builder().asset_base("/static/").build().unwrap();
    let names: BTreeSet<_> = pages.assets().iter().map(|asset| asset.name).collect();
    let named = arguments("asset");
    // In the frame that is no page of ours.
    #[cfg(feature = "provider")]
    let named: BTreeSet<_> = named.into_iter().chain(["check-session.js"]).collect();
    assert_eq!(names, named);
    let html = pages
        .render(PageName::Error, "en", Sample::Full.of(PageName::Error))
        .unwrap();
    for asset in pages.assets() {
        let (stem, extension) = asset.name.split_once('.').unwrap();
        let hash = asset
            .path_suffix
            .strip_prefix(&format!("{stem}-"))
            .and_then(|rest| rest.strip_suffix(&format!(".{extension}")))
            .unwrap();
        assert!(
            hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
            "{hash}"
        );
        assert!(!asset.bytes.is_empty());
    }
    let css = &pages.assets()[0];
    assert_eq!(css.content_type, "text/css; charset=utf-8");
    assert!(
        html.contains(&format!("/static/{}", css.path_suffix)),
        "{html}"
    );
}

#[test]
fn an_asset_base_is_a_path_or_a_web_address() {
    for good in ["/", "/auth/assets", "https://static.example.com/auth"] {
        assert!(Pages::builder().asset_base(good).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        "assets",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
    ] {
        let error = Pages::builder().asset_base(bad).build().unwrap_err();
        assert!(matches!(error, PageError::AssetBase(_)), "{bad}");
    }
}
