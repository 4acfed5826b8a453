//! The security manual names tests that exist, and every numbered test stands under a number of the manual.

#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "node_modules" | ".git") {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}

fn names(text: &str, before: &str) -> BTreeSet<String> {
    let begin = format!("{before}threat_");
    text.split(begin.as_str())
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            format!("threat_{}", &rest[..end.unwrap_or(rest.len())])
        })
        .collect()
}

#[test]
fn every_claim_of_the_manual_names_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let manual = std::fs::read_to_string(root.join("docs/security.md")).expect("the manual");
    let mut code = String::new();
    sources(root, &mut code);
    let tests = names(&code, "fn ");
    let claimed = names(&manual, "`");
    assert!(claimed.len() > 50, "{} tests named", claimed.len());
    // `threat_39` alone is the manual's example of a filter.
    let missing: Vec<_> = claimed
        .iter()
        .filter(|name| !tests.contains(*name) && *name != "threat_39")
        .collect();
    assert!(
        missing.is_empty(),
        "named in the manual, not in the code: {missing:#?}"
    );

    let rows: Vec<_> = manual
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    let numbered = |number: &str| {
        rows.iter().any(|row| {
            let cell = row.split('|').nth(1).unwrap_or_default();
            cell.split(',').any(|own| own.trim() == number)
        })
    };
    for test in &tests {
        let number = &test["threat_".len().."threat_".len() + 2];
        assert!(numbered(number), "{test}: the manual has no row {number}");
    }
}
