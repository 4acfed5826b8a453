//! The stylesheet and the one script, under names that change with their content.

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// A static file, served below the asset base and cacheable for ever: its name changes with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The file name below the asset base, such as `auth-1a2b3c4d.css`.
    pub path_suffix: String,
    /// The `Content-Type` to serve it with.
    pub content_type: &'static str,
    /// The file.
    pub bytes: &'static [u8],
    /// The name templates ask for it by.
    pub(super) name: &'static str,
}

pub(super) fn all() -> Vec<Asset> {
    vec![
        asset(
            "auth",
            "auth.css",
            "text/css; charset=utf-8",
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/assets/auth.css"
            )),
        ),
        #[cfg(feature = "provider")]
        asset(
            "form-post",
            "form-post.js",
            "text/javascript; charset=utf-8",
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/assets/form-post.js"
            )),
        ),
    ]
}

fn asset(
    stem: &str,
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
) -> Asset {
    let mut path_suffix = format!("{stem}-");
    for byte in digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .iter()
        .take(4)
    {
        // Writing to a String cannot fail.
        let _ = write!(path_suffix, "{byte:02x}");
    }
    path_suffix.push_str(name.strip_prefix(stem).unwrap_or_default());
    Asset {
        path_suffix,
        content_type,
        bytes,
        name,
    }
}
