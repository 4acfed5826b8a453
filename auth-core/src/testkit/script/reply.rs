//! An answer, as the scenes read it.

use std::ops::Deref;

use http::header::{LOCATION, SET_COOKIE};
use serde_json::Value;

use crate::testkit::Answer;

/// An answer with the step it belongs to, so that a failed check says where.
pub(super) struct Reply {
    pub(super) step: String,
    pub(super) length: usize,
    pub(super) answer: Answer,
}

impl Deref for Reply {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}

/// A form of a page.
#[derive(Clone)]
pub(super) struct PageForm {
    pub(super) action: String,
    pub(super) hidden: Vec<(String, String)>,
}

impl PageForm {
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let field = self.hidden.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }
}

impl Reply {
    /// The status must be this one.
    #[track_caller]
    pub(super) fn is(&self, status: u16) -> &Self {
        let found = self.answer.status.as_u16();
        assert_eq!(found, status, "{}\n{}", self.step, self.answer.text);
        self
    }

    /// 303 to exactly this target.
    #[track_caller]
    pub(super) fn leads_to(&self, target: &str) -> &Self {
        self.is(303);
        let found = self.answer.location();
        assert_eq!(found.as_deref(), Some(target), "{}", self.step);
        self
    }

    /// 303 to a target that begins like this.
    #[track_caller]
    pub(super) fn leads_towards(&self, target: &str) -> &Self {
        self.is(303);
        let found = self.answer.location().unwrap_or_default();
        assert!(found.starts_with(target), "{}: {found}", self.step);
        self
    }

    /// The body must contain this.
    #[track_caller]
    pub(super) fn says(&self, text: &str) -> &Self {
        let said = self.answer.text.contains(text);
        assert!(said, "{}: no {text:?} in {}", self.step, self.answer.text);
        self
    }

    /// A header must have this value.
    #[track_caller]
    pub(super) fn has(&self, name: &str, value: &str) -> &Self {
        let found = self.answer.header(name);
        assert_eq!(found, Some(value), "{}: {name}", self.step);
        self
    }

    /// A header must not be there.
    #[track_caller]
    pub(super) fn lacks(&self, name: &str) -> &Self {
        let found = self.answer.headers.get(name);
        assert_eq!(found, None, "{}: {name}", self.step);
        self
    }

    /// An error of the protocol, in JSON.
    #[track_caller]
    pub(super) fn fails(&self, status: u16, error: &str) -> &Self {
        self.is(status);
        assert_eq!(self.answer.json()["error"], error, "{}", self.step);
        self
    }

    /// An error of ours, in JSON.
    #[track_caller]
    pub(super) fn refuses(&self, status: u16, code: &str) -> &Self {
        self.is(status);
        assert_eq!(self.answer.json()["code"], code, "{}", self.step);
        self
    }

    /// An error sent to the client's redirect URI.
    #[track_caller]
    pub(super) fn sends_error(&self, error: &str) -> &Self {
        self.leads_towards(super::host::REDIRECT_URI);
        let found = self.answer.location_param("error");
        assert_eq!(found.as_deref(), Some(error), "{}", self.step);
        self
    }

    /// The code sent to the client's redirect URI.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        self.leads_towards(super::host::REDIRECT_URI);
        let code = self.answer.location_param("code");
        assert!(code.is_some(), "{}: no code", self.step);
        code.unwrap()
    }

    /// The code, if there is one.
    pub(super) fn code_or_none(&self) -> Option<String> {
        self.answer.location_param("code")
    }

    /// A member of the JSON body, which must be text.
    #[track_caller]
    pub(super) fn text_of(&self, name: &str) -> String {
        let json = self.answer.json();
        let text = json[name].as_str().map(str::to_owned);
        assert!(text.is_some(), "{}: no {name} in {json}", self.step);
        text.unwrap()
    }

    pub(super) fn json(&self) -> Value {
        self.answer.json()
    }

    /// The body's length in bytes.
    pub(super) fn body_length(&self) -> usize {
        self.length
    }

    /// How many cookies are set.
    pub(super) fn cookies_set(&self) -> usize {
        self.answer.headers.get_all(SET_COOKIE).iter().count()
    }

    pub(super) fn redirect(&self) -> Option<&str> {
        self.answer.headers.get(LOCATION)?.to_str().ok()
    }

    /// The forms of the page.
    pub(super) fn forms(&self) -> Vec<PageForm> {
        let forms = self.answer.text.split("<form").skip(1);
        forms.map(form_of).collect()
    }

    /// The form whose action begins like this.
    #[track_caller]
    pub(super) fn form(&self, action: &str) -> PageForm {
        let form = self.forms().into_iter();
        let form = { form }.find(|form| form.action.split('?').next() == Some(action));
        assert!(form.is_some(), "{}: no form leads to {action}", self.step);
        form.unwrap()
    }
}

fn form_of(text: &str) -> PageForm {
    let form = text.split("</form>").next().unwrap_or_default();
    let tag = form.split('>').next().unwrap_or_default();
    let inputs = form.split("<input").skip(1);
    let hidden = inputs
        .filter_map(|input| input.split('>').next())
        .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    PageForm {
        action: attribute(tag, "action").unwrap_or_default(),
        hidden: hidden.collect(),
    }
}

// Enough for pages of our own making, whose attributes are always quoted.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ];
    let value = plain
        .iter()
        .fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    Some(value)
}
