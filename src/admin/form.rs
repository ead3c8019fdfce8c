//! A form that a browser sends, as far as it may be one.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;

use crate::http::Context;
use crate::http::body::{self, Bounds};
use crate::http::error::Failure;

/// What a form may take: no page has a long one.
const BODY: Bounds =
    Bounds { size: 16 * 1024, pause: Duration::from_secs(2), whole: Duration::from_secs(5) };

/// Its fields, blanks around their values taken off.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads it, among the strangers: who signs in is one.
    ///
    /// # Errors
    /// 413, 408, 400, 503 for the body; inside, why it is no form.
    pub(super) async fn read(
        context: &Context,
        parts: &Parts,
        body: &mut Incoming,
    ) -> Result<Result<Self, &'static str>, Failure> {
        let is_form = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|it| body::essence(it) == "application/x-www-form-urlencoded");
        if !is_form {
            return Ok(Err("What was sent is not a form."));
        }
        let bytes = context.strangers().attend(body::bytes(body, BODY)).await??;
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(bytes) {
            // NUL is in no name, and not every database could even look for it.
            if value.contains('\0') {
                return Err("A field holds a NUL character.");
            }
            if fields.insert(key.into_owned(), value.trim().to_owned()).is_some() {
                return Err("A field is there twice.");
            }
        }
        Ok(Self(fields))
    }

    /// A field's text; empty where it isn't there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The same of a field that may be left empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }
}
