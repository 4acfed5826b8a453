//! The stylesheet and the few scripts, under names that change with their content.

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
        #[cfg(feature = "login")]
        asset(
            "passkey",
            "passkey.js",
            "text/javascript; charset=utf-8",
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/assets/passkey.js"
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
        #[cfg(feature = "provider")]
        asset(
            "front-channel",
            "front-channel.js",
            "text/javascript; charset=utf-8",
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/assets/front-channel.js"
            )),
        ),
        #[cfg(feature = "provider")]
        asset(
            "check-session",
            "check-session.js",
            "text/javascript; charset=utf-8",
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/assets/check-session.js"
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    fn css() -> String {
        String::from_utf8(super::all()[0].bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_stylesheet_is_small_and_knows_the_dark() {
        let css = css();
        assert!(css.len() < 8 * 1024, "{}", css.len());
        assert!(css.contains("@media (prefers-color-scheme: dark)"));
        assert!(!css.contains("url(") && !css.contains("@import"));
    }

    /// WCAG 2.2 §1.4.3 (text, 4.5:1) and §1.4.11 (edges of controls, 3:1), in light and dark.
    #[test]
    fn colours_have_enough_contrast() {
        let css = css();
        let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
        for scheme in [light, dark] {
            let colours: BTreeMap<_, _> = scheme
                .lines()
                .filter_map(|line| {
                    line.trim()
                        .strip_prefix("--")?
                        .strip_suffix(';')?
                        .split_once(": #")
                })
                .collect();
            let contrast = |one: &str, other: &str| {
                let (one, other) = (luminance(colours[one]), luminance(colours[other]));
                (one.max(other) + 0.05) / (one.min(other) + 0.05)
            };
            for (text, grounds) in [
                ("text", ["page", "card", "quiet", "quiet-strong"].as_slice()),
                ("muted", &["page", "card", "quiet"]),
                ("accent", &["page", "card", "quiet"]),
                ("on-accent", &["accent", "accent-strong"]),
                ("error", &["card", "error-ground"]),
                ("notice", &["notice-ground"]),
            ] {
                for ground in grounds {
                    assert!(
                        contrast(text, ground) >= 4.5,
                        "{text} on {ground}: {}",
                        contrast(text, ground)
                    );
                }
            }
            for ground in ["card", "quiet"] {
                assert!(
                    contrast("edge", ground) >= 3.0,
                    "edge on {ground}: {}",
                    contrast("edge", ground)
                );
            }
        }
    }

    fn luminance(hex: &str) -> f64 {
        let hex = if hex.len() == 3 {
            hex.chars().flat_map(|c| [c, c]).collect()
        } else {
            hex.to_owned()
        };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    }
}
