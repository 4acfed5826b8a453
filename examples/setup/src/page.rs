//! Pages of the examples: one look, every text from outside escaped.

/// Draws the home page for a visitor (`None`) or a signed-in user of the login wing.
pub fn home_page(name: Option<&str>) -> String {
    let body = match name {
        Some(name) => format!(
            "<p id=\"who\">Signed in as <strong>{}</strong>.</p>\
             <p><a href=\"/dashboard\">Dashboard</a> · <a href=\"/auth/account\">Account</a> · \
             <a href=\"/auth/logout\">Sign out</a></p>",
            escape(name)
        ),
        None => "<p id=\"who\">Nobody is signed in.</p>\
                 <p><a href=\"/auth/login\">Sign in</a> · <a href=\"/auth/register\">Register</a></p>"
            .to_owned(),
    };
    page("Example app", &body)
}

/// A page with this heading and this HTML below it. What comes from outside goes through [`escape`] first.
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

/// Text as HTML, also inside a quoted attribute.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_18_names_are_escaped() {
        let page = home_page(Some("<script>alert('x')</script>"));
        assert!(!page.contains("<script>"));
    }
}
