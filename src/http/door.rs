//! Who enters the admin listener, by what, and whether a form that they send is the console's own.
//!
//! A program presents a token as a bearer token, a browser as the password of HTTP Basic (RFC 7617) or
//! in the console's form, which begins a session: a cookie that only this listener gets, that no script
//! reads and that no page of elsewhere sends (RFC 6265bis). On loopback nobody is asked, and who
//! presents nothing reads.

use hyper::HeaderMap;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use subtle::ConstantTimeEq;

use super::auth::{names_this_machine, password, proven};
use super::base_url;
use super::context::{AdminDoor, Context, Trace};
use super::error::Failure;
use super::listener::{Peer, Scheme};
use crate::digest;
use crate::scim;
use crate::service::{Scope, Token};

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visitor {
    /// The good token that was presented, or that the session was begun with.
    token: Option<Token>,
    /// What was presented.
    secret: String,
    /// Whether that is a session's.
    session: bool,
}

impl Visitor {
    /// The name of their token.
    pub(crate) fn name(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.name.as_str())
    }

    /// What their token is good for.
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.token.as_ref().map(|token| token.scope)
    }

    /// Whether they may change anything.
    pub(crate) fn may_act(&self) -> bool {
        self.scope() == Some(Scope::Operator)
    }

    /// The session, to be ended.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.then_some(self.secret.as_str())
    }

    /// What the console's own forms have in them: nobody else can know it, and nothing can be told of
    /// the secret from it.
    pub(crate) fn form_key(&self) -> String {
        digest::of_parts(["form", &self.secret], 16)
    }

    /// Whether a form has that in it.
    pub(crate) fn knows_form(&self, key: &str) -> bool {
        bool::from(self.form_key().as_bytes().ct_eq(key.as_bytes()))
    }
}

/// Lets a request into the admin listener, or doesn't: beyond loopback with a token of the scope admin
/// or operator.
///
/// On loopback nobody is asked, so there a request must be for this machine by name: a page of
/// elsewhere, open in a browser here, could otherwise read everything under a name of its own that
/// it lets point to 127.0.0.1.
///
/// # Errors
/// 401, 403, 429; the database's.
pub(crate) async fn enter(
    context: &Context,
    parts: &Parts,
    peer: Peer,
    trace: &mut Trace,
) -> Result<Visitor, Failure> {
    is_for_here(context, parts)?;
    let open = context.settings().admin_door == AdminDoor::Open;
    let Some(presented) = presented(&parts.headers, peer) else {
        return if open { Ok(Visitor::default()) } else { Err(Failure::no_login()) };
    };
    let (secret, session) = presented;
    let token = match proven(context, &secret, peer, Failure::no_login).await {
        Ok(token) => token,
        // Who may read without a token may with one that is over.
        Err(failure) if open && reads(&parts.method) && failure.reason().status < 500 => {
            return Ok(Visitor::default());
        }
        Err(failure) => return Err(failure),
    };
    trace.token = Some(token.name.clone());
    match token.scope {
        Scope::Admin | Scope::Operator => Ok(Visitor { token: Some(token), secret, session }),
        _ if open && reads(&parts.method) => Ok(Visitor::default()),
        other => Err(Failure::insufficient_scope(other, Scope::Admin)),
    }
}

/// On loopback: that a request is for this machine by name.
///
/// # Errors
/// 403.
pub(crate) fn is_for_here(context: &Context, parts: &Parts) -> Result<(), Failure> {
    if context.settings().admin_door == AdminDoor::Token || names_this_machine(parts) {
        return Ok(());
    }
    Err(scim::Error::forbidden(
        "This listener is for this machine alone: ask for it as localhost or 127.0.0.1.",
    )
    .into())
}

/// Proves the token that somebody signs in with, and begins a session: the cookie to set.
///
/// # Errors
/// 401, 403, 429; the database's.
pub(crate) async fn sign_in(
    context: &Context,
    presented: &str,
    peer: Peer,
    trace: &mut Trace,
) -> Result<String, Failure> {
    let token = proven(context, presented, peer, Failure::no_login).await?;
    trace.token = Some(token.name.clone());
    if !matches!(token.scope, Scope::Admin | Scope::Operator) {
        return Err(Failure::insufficient_scope(token.scope, Scope::Operator));
    }
    let session = context.service().sign_in(&token, presented, context.now()).await?;
    let session = session.ok_or_else(Failure::no_login)?;
    tracing::info!(token = token.name, "signed in to the console");
    Ok(cookie(peer, &session, ""))
}

/// Ends a session: the cookie that takes the browser's away.
///
/// # Errors
/// The database's.
pub(crate) async fn sign_out(
    context: &Context,
    visitor: &Visitor,
    peer: Peer,
) -> Result<String, Failure> {
    if let Some(session) = visitor.session() {
        context.service().sign_out(session).await?;
    }
    Ok(cookie(peer, "", "; Max-Age=0"))
}

/// Whether who sends a form has a page of this listener's open: a browser says where the page is from
/// (`Origin`, `Sec-Fetch-Site`), and no page can make it say otherwise.
pub(crate) fn is_of_here(parts: &Parts, peer: Peer) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let mut origins = parts.headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let Some(authority) = base_url::authority(parts) else { return false };
    let own = format!("{}://{authority}", peer.scheme.as_str());
    let same = origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&own));
    same && parts.headers.get_all(SITE).iter().all(|site| site == "same-origin")
}

/// Whether a browser asks for a page, and would rather be shown where to sign in than be refused.
pub(crate) fn wants_a_page(parts: &Parts) -> bool {
    let accepts = |headers: &HeaderMap| {
        headers
            .get_all(ACCEPT)
            .iter()
            .any(|it| it.to_str().is_ok_and(|it| it.contains("text/html")))
    };
    reads(&parts.method) && !parts.headers.contains_key(AUTHORIZATION) && accepts(&parts.headers)
}

fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// What a request presents, and whether as a session.
fn presented(headers: &HeaderMap, peer: Peer) -> Option<(String, bool)> {
    if let Some(password) = password(headers) {
        return Some((password, false));
    }
    let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut cookies =
        cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    let (_, session) = cookies.find(|(name, _)| *name == cookie_name(peer))?;
    (!session.is_empty()).then(|| (session.to_owned(), true))
}

/// In TLS one that no other host, and nothing in the clear, can have set.
fn cookie_name(peer: Peer) -> &'static str {
    match peer.scheme {
        Scheme::Https => "__Host-kpifire-scim",
        Scheme::Http => "kpifire-scim",
    }
}

fn cookie(peer: Peer, session: &str, end: &str) -> String {
    let (name, secure) = match peer.scheme {
        Scheme::Https => (cookie_name(peer), "; Secure"),
        Scheme::Http => (cookie_name(peer), ""),
    };
    format!("{name}={session}; Path=/; HttpOnly; SameSite=Strict{secure}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn peer(scheme: Scheme) -> Peer {
        let address = "127.0.0.1:8643".parse().unwrap();
        Peer { local: address, remote: address, scheme }
    }

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().header("host", "127.0.0.1:8643");
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_form_of_elsewhere_is_told_by_what_its_browser_says() {
        let of_here = |headers: &[_]| is_of_here(&parts(headers), peer(Scheme::Http));
        let own = ("origin", "http://127.0.0.1:8643");
        assert!(of_here(&[own]) && of_here(&[own, ("sec-fetch-site", "same-origin")]));
        for other in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://127.0.0.1:8643")],
            &[("origin", "http://127.0.0.1:8644")],
            &[("origin", "http://evil.example")],
            &[own, own],
            &[own, ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "none")],
            &[own, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!of_here(other), "{other:?}");
        }
    }

    #[test]
    fn a_session_is_a_cookie_of_its_schemes_name() {
        let of = |headers: &[_], scheme| presented(&parts(headers).headers, peer(scheme));
        let (plain, tls) = (("cookie", "a=1; kpifire-scim=kpw_x"), "__Host-kpifire-scim=kpw_y");
        assert_eq!(of(&[plain], Scheme::Http), Some(("kpw_x".to_owned(), true)));
        assert_eq!(of(&[plain], Scheme::Https), None);
        assert_eq!(of(&[plain, ("cookie", tls)], Scheme::Https), Some(("kpw_y".to_owned(), true)));
        assert_eq!(of(&[("cookie", "kpifire-scim=")], Scheme::Http), None);
        let header = ("authorization", "Bearer kps_z");
        assert_eq!(of(&[plain, header], Scheme::Http), Some(("kps_z".to_owned(), false)));
        assert_eq!(
            cookie(peer(Scheme::Https), "kpw_x", ""),
            "__Host-kpifire-scim=kpw_x; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(cookie(peer(Scheme::Http), "", "; Max-Age=0").ends_with("Strict; Max-Age=0"));
    }

    #[test]
    fn who_presented_something_else_doesnt_know_the_form() {
        let visitor = |secret: &str| Visitor { secret: secret.to_owned(), ..Visitor::default() };
        let key = visitor("kpw_x").form_key();
        assert!(visitor("kpw_x").knows_form(&key) && !visitor("kpw_y").knows_form(&key));
        assert!(!visitor("kpw_x").knows_form(""));
    }
}
