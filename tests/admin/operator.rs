//! A browser as far as the console needs one: it keeps the session's cookie, says where its pages are
//! from, and sends the forms that are on them.

use std::collections::BTreeMap;

use super::{Page, Watched};

/// Who is signed in, or not.
pub struct Operator<'a> {
    pub watched: &'a Watched,
    /// The session's cookie; empty without one.
    pub cookie: String,
}

/// A form as a page has it.
pub type Fields = BTreeMap<String, String>;

impl<'a> Operator<'a> {
    /// Signs in with a token.
    pub async fn sign_in(watched: &'a Watched, token: &str) -> Self {
        let mut browser = Self { watched, cookie: String::new() };
        let page = browser.try_sign_in(token).await;
        assert_eq!(page.status, 303, "{}{}", page.head, page.body);
        let cookie = page.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        for said in ["; path=/", "; httponly", "; samesite=strict"] {
            assert!(cookie.contains(said), "{cookie}");
        }
        // The head was made small for tests to read: names and values are in other letters.
        let exact = page.exact.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
        let exact = exact.unwrap().split_once(": ").unwrap().1;
        exact.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }

    pub async fn try_sign_in(&self, token: &str) -> Page {
        let own = self.own();
        self.post("/sign-in", &own, &[("token", token), ("next", "drift")]).await
    }

    /// What a browser says of a form on one of the console's own pages.
    pub fn own(&self) -> String {
        format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", self.watched.admin)
    }

    pub async fn get(&self, path: &str) -> Page {
        self.ask("GET", path, "", "").await
    }

    pub async fn page(&self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        page.body
    }

    /// Sends a form with these headers.
    pub async fn post(&self, path: &str, headers: &str, fields: &[(&str, &str)]) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.ask("POST", path, headers, &body.finish()).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Page {
        let mut head = headers.to_owned();
        if !self.cookie.is_empty() {
            head.push_str(&format!("Cookie: other=1; {}\r\n", self.cookie));
        }
        if method == "POST" {
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        super::send(&self.watched.admin, method, path, &head, body).await
    }

    /// The form of a page that has these fields so far, as a click on its button sends it.
    pub async fn form(&self, path: &str, wanted: &[(&str, &str)]) -> Fields {
        let page = self.page(path).await;
        let found = forms(&page).into_iter().find(|fields| {
            wanted.iter().all(|(name, value)| fields.get(*name).is_some_and(|it| it == value))
        });
        found.unwrap_or_else(|| panic!("{path} has no form with {wanted:?}: {page}"))
    }

    pub async fn click(&self, fields: &Fields) -> Page {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("/act", &self.own(), &fields).await
    }

    /// Asks for an act from a page, with more fields filled in: the page that shows what it will change.
    pub async fn ask_for(&self, path: &str, form: &[(&str, &str)], more: &[(&str, &str)]) -> Page {
        let mut fields = self.form(path, form).await;
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let page = self.click(&fields).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("Nothing is written yet"), "{}", page.body);
        page
    }

    /// Agrees to what a page shows.
    pub async fn agree(&self, shown: &Page) -> Page {
        let form = forms(&shown.body).into_iter().find(|fields| fields.contains_key("seal"));
        self.click(&form.unwrap()).await
    }
}

/// The forms that act, with their hidden fields and the first button that has a name.
fn forms(page: &str) -> Vec<Fields> {
    let forms = page.split("<form class=\"act").skip(1);
    forms
        .map(|form| {
            let form = form.split("</form>").next().unwrap();
            let hidden = form.split("<input type=\"hidden\"").skip(1);
            let button = form.split("<button").skip(1).filter(|it| it.starts_with(" name="));
            hidden
                .chain(button.take(1))
                .map(|tag| (attribute(tag, "name"), attribute(tag, "value")))
                .collect()
        })
        .collect()
}

fn attribute(tag: &str, name: &str) -> String {
    let rest = tag.split_once(&format!(" {name}=\"")).unwrap().1;
    let mut text = rest.split('"').next().unwrap().to_owned();
    for (escaped, plain) in
        [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
    {
        text = text.replace(escaped, plain);
    }
    text
}
