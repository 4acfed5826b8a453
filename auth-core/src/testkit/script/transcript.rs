//! What was answered, step by step.

use std::fmt;

/// One answer, as far as hosts must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The scene.
    pub scene: &'static str,
    /// The number of the step in the scene, from 1.
    pub step: usize,
    /// The request: method and target.
    pub request: String,
    /// The status.
    pub status: u16,
    /// Headers, sorted by name; those of one name in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// All answers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// In the order of the script.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// The first difference to another run, for people: which step, and what each side answered.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let mut pairs = self.entries.iter().zip(&other.entries);
        let first = pairs.find_map(|(ours, theirs)| ours.difference(theirs));
        let (ours, theirs) = (self.entries.len(), other.entries.len());
        first.or_else(|| (ours != theirs).then(|| format!("{ours} steps, then {theirs}")))
    }
}

impl Entry {
    /// What another run (`+`) answered else than this one (`-`).
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut lines = vec![self.to_string()];
        if (self.scene, self.step, &self.request) != (other.scene, other.step, &other.request) {
            lines.push(format!("  but in the other run {other}"));
        }
        if self.status != other.status {
            lines.push(format!("  - status {}", self.status));
            lines.push(format!("  + status {}", other.status));
        }
        lines.extend(self.headers_beyond('-', other));
        lines.extend(other.headers_beyond('+', self));
        let mut mine = self.headers.clone();
        let mut theirs = other.headers.clone();
        mine.sort_unstable();
        theirs.sort_unstable();
        if mine == theirs && self.headers != other.headers {
            lines.push("  the same headers, in another order".to_owned());
        }
        if self.body != other.body {
            let (ours, theirs) = apart(&self.body, &other.body);
            lines.push(format!("  - body {ours}"));
            lines.push(format!("  + body {theirs}"));
        }
        Some(lines.join("\n"))
    }

    /// Headers that the other one has not, or not as often.
    fn headers_beyond(&self, sign: char, other: &Self) -> Vec<String> {
        let mut left = other.headers.clone();
        let beyond = self.headers.iter().filter(|pair| {
            let found = left.iter().position(|other| other == *pair);
            found.map(|index| left.swap_remove(index)).is_none()
        });
        beyond
            .map(|(name, value)| format!("  {sign} {name}: {value}"))
            .collect()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} #{}: {} -> {}",
            self.scene, self.step, self.request, self.status
        )
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            writeln!(f, "{entry}")?;
            for (name, value) in &entry.headers {
                writeln!(f, "    {name}: {value}")?;
            }
            if !entry.body.is_empty() {
                writeln!(f, "    {} bytes of body", entry.body.len())?;
            }
        }
        Ok(())
    }
}

/// The texts from a little before the place where they part.
fn apart(ours: &str, theirs: &str) -> (String, String) {
    const BEFORE: usize = 40;
    const SHOWN: usize = 160;
    let same = ours.chars().zip(theirs.chars());
    let same = same.take_while(|(ours, theirs)| ours == theirs).count();
    let show = |text: &str| -> String {
        let shown = text.chars().skip(same.saturating_sub(BEFORE)).take(SHOWN);
        format!("{:?} (of {} bytes)", shown.collect::<String>(), text.len())
    };
    (show(ours), show(theirs))
}
