//! One table: method and path template to operation. Knows no handler and no header.

use std::borrow::Cow;

use hyper::Method;

use super::query;
use crate::scim::{self, ResourceType};

/// What a request asks for; each is answered by one arm of the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `GET /Users`
    List(ResourceType),
    /// `POST /Users/.search` (RFC 7644 §3.4.3)
    Search(ResourceType),
    /// `POST /.search`: both types at once
    SearchAll,
    /// `GET /`, the base URL: the same by a query string (RFC 7644 §3.4.2.1)
    ListAll,
    /// `POST /Users`
    Create(ResourceType),
    /// `GET /Users/{id}`
    Get(ResourceType),
    /// `PUT /Users/{id}`
    Replace(ResourceType),
    /// `PATCH /Users/{id}`
    Patch(ResourceType),
    /// `DELETE /Users/{id}`
    Delete(ResourceType),
    /// `GET /ServiceProviderConfig`
    ServiceProviderConfig,
    /// `GET /ResourceTypes`
    ResourceTypes,
    /// `GET /ResourceTypes/{id}`
    ResourceType,
    /// `GET /Schemas`
    Schemas,
    /// `GET /Schemas/{id}`
    Schema,
    /// `POST /Bulk` (RFC 7644 §3.7)
    Bulk,
    /// `/Me`, any method (RFC 7644 §3.11)
    Me,
}

impl Operation {
    /// Whether a `read` token may ask for it.
    pub fn access(self) -> Access {
        match self.writes() {
            Some(_) => Access::Write,
            None => Access::Read,
        }
    }

    /// The resource type that it is about, where it is about one.
    pub fn resource(self) -> Option<ResourceType> {
        match self {
            Self::List(kind)
            | Self::Search(kind)
            | Self::Create(kind)
            | Self::Get(kind)
            | Self::Replace(kind)
            | Self::Patch(kind)
            | Self::Delete(kind) => Some(kind),
            _ => None,
        }
    }

    /// What the audit trail calls it, and of which resource type it speaks, where it writes.
    pub fn writes(self) -> Option<(&'static str, Option<ResourceType>)> {
        match self {
            Self::Create(kind) => Some(("create", Some(kind))),
            Self::Replace(kind) | Self::Patch(kind) => Some(("update", Some(kind))),
            Self::Delete(kind) => Some(("delete", Some(kind))),
            Self::Bulk => Some(("bulk", None)),
            _ => None,
        }
    }
}

/// What an operation needs of a token's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any token.
    Read,
    /// A `provision` token.
    Write,
}

/// A method and a template that lead somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    method: &'static str,
    template: &'static str,
    operation: Operation,
}

const fn route(method: &'static str, template: &'static str, operation: Operation) -> Route {
    Route { method, template, operation }
}

/// More literal templates come before those with a parameter: the first that fits the path wins.
const ROUTES: &[Route] = &[
    route("GET", "/Users", Operation::List(ResourceType::User)),
    route("POST", "/Users", Operation::Create(ResourceType::User)),
    route("POST", "/Users/.search", Operation::Search(ResourceType::User)),
    route("GET", "/Users/{id}", Operation::Get(ResourceType::User)),
    route("PUT", "/Users/{id}", Operation::Replace(ResourceType::User)),
    route("PATCH", "/Users/{id}", Operation::Patch(ResourceType::User)),
    route("DELETE", "/Users/{id}", Operation::Delete(ResourceType::User)),
    route("GET", "/Groups", Operation::List(ResourceType::Group)),
    route("POST", "/Groups", Operation::Create(ResourceType::Group)),
    route("POST", "/Groups/.search", Operation::Search(ResourceType::Group)),
    route("GET", "/Groups/{id}", Operation::Get(ResourceType::Group)),
    route("PUT", "/Groups/{id}", Operation::Replace(ResourceType::Group)),
    route("PATCH", "/Groups/{id}", Operation::Patch(ResourceType::Group)),
    route("DELETE", "/Groups/{id}", Operation::Delete(ResourceType::Group)),
    route("GET", "/", Operation::ListAll),
    route("POST", "/.search", Operation::SearchAll),
    route("GET", "/ServiceProviderConfig", Operation::ServiceProviderConfig),
    route("GET", "/ResourceTypes", Operation::ResourceTypes),
    route("GET", "/ResourceTypes/{id}", Operation::ResourceType),
    route("GET", "/Schemas", Operation::Schemas),
    route("GET", "/Schemas/{id}", Operation::Schema),
    route("POST", "/Bulk", Operation::Bulk),
    route("GET", "/Me", Operation::Me),
    route("POST", "/Me", Operation::Me),
    route("PUT", "/Me", Operation::Me),
    route("PATCH", "/Me", Operation::Me),
    route("DELETE", "/Me", Operation::Me),
];

/// Every method and template there is.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().map(|route| (route.method, route.template))
}

/// Where a request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// To an operation.
    Found {
        /// Which.
        operation: Operation,
        /// The route's template, for the log.
        template: &'static str,
        /// The `{id}`, decoded; empty where the template has none.
        id: String,
    },
    /// To a path that exists, by a method that it hasn't.
    WrongMethod {
        /// The path's template, for the log.
        template: &'static str,
        /// The value of `Allow`.
        allow: String,
    },
    /// Nowhere.
    Unknown,
}

/// The part of a path below the base path; `None` when it lies elsewhere.
pub fn below<'a>(path: &'a str, base_path: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base_path)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A path without the slashes that a base URL's own one at its end makes two of: `//Users`.
pub fn tidy(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut tidy = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !tidy.ends_with('/') {
            tidy.push(character);
        }
    }
    Cow::Owned(tidy)
}

/// Finds the operation for a method and a path below the base path. HEAD goes where GET goes. Endpoints are
/// found in any case, as clients have been seen to write them.
///
/// # Errors
/// 400 when the path doesn't percent-decode.
pub fn find(method: &Method, path: &str) -> Result<Match, scim::Error> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments =
        path.split('/').skip(1).map(query::segment).collect::<Result<Vec<String>, _>>()?;
    let Some((template, id)) =
        ROUTES.iter().find_map(|route| Some((route.template, fit(route.template, &segments)?)))
    else {
        return Ok(Match::Unknown);
    };
    let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut here = ROUTES.iter().filter(|route| route.template == template);
    Ok(match here.clone().find(|route| route.method == wanted) {
        Some(route) => Match::Found { operation: route.operation, template, id },
        None => Match::WrongMethod { template, allow: allow(&mut here) },
    })
}

/// The `{id}` (or an empty text) when the segments fit the template.
fn fit(template: &str, segments: &[String]) -> Option<String> {
    let mut id = String::new();
    let mut given = segments.iter();
    for wanted in template.split('/').skip(1).filter(|wanted| !wanted.is_empty()) {
        let segment = given.next()?;
        if wanted == "{id}" {
            // No id is empty or holds NUL, which not every database could even compare.
            if segment.is_empty() || segment.contains('\0') {
                return None;
            }
            id.clone_from(segment);
        } else if !segment.eq_ignore_ascii_case(wanted) {
            return None;
        }
    }
    given.next().is_none().then_some(id)
}

fn allow<'a>(routes: &mut impl Iterator<Item = &'a Route>) -> String {
    let mut methods = Vec::new();
    for route in routes {
        methods.push(route.method);
        if route.method == "GET" {
            methods.push("HEAD");
        }
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> (Operation, String) {
        match find(&Method::from_bytes(method.as_bytes()).unwrap(), path).unwrap() {
            Match::Found { operation, id, .. } => (operation, id),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    #[test]
    fn every_route_is_found_by_its_template() {
        for route in ROUTES {
            let (operation, id) = found(route.method, &route.template.replace("{id}", "a%2Fb"));
            assert_eq!(operation, route.operation, "{route:?}");
            assert_eq!(id, if route.template.contains("{id}") { "a/b" } else { "" });
        }
    }

    #[test]
    fn head_is_get_and_one_slash_at_the_end_is_forgiven() {
        let user = Operation::Get(ResourceType::User);
        assert_eq!(found("HEAD", "/Users/7/"), (user, "7".to_owned()));
        assert_eq!(found("GET", "/Groups/"), (Operation::List(ResourceType::Group), String::new()));
    }

    #[test]
    fn a_base_url_is_joined_to_a_path_in_many_ways() {
        let users = Operation::List(ResourceType::User);
        for path in ["/Users", "//Users", "/users", "/USERS/", "//users//", "///Users"] {
            assert_eq!(found("GET", &tidy(path)).0, users, "{path}");
        }
        let user = (Operation::Get(ResourceType::User), "aB//c".to_owned());
        assert_eq!(found("GET", &tidy("//users//aB%2F%2Fc")), user);
        for path in ["", "/", "//"] {
            assert_eq!(found("GET", &tidy(path)).0, Operation::ListAll, "{path}");
        }
        assert_eq!(tidy("//scim/v2//Users"), "/scim/v2/Users");
    }

    #[test]
    fn unknown_paths() {
        for path in ["/Users/7/8", "/Users/%00", "/Nope", "/Bulk/7"] {
            assert_eq!(find(&Method::GET, path).unwrap(), Match::Unknown, "{path}");
        }
        assert_eq!(find(&Method::GET, "/Users/%zz").unwrap_err().status, 400);
    }

    #[test]
    fn a_wrong_method_says_which_are_right() {
        let allowed = |method: Method, path: &str| match find(&method, path).unwrap() {
            Match::WrongMethod { allow, .. } => allow,
            other => panic!("{other:?}"),
        };
        assert_eq!(allowed(Method::DELETE, "/Users"), "GET, HEAD, POST");
        assert_eq!(allowed(Method::POST, "/Users/7"), "GET, HEAD, PUT, PATCH, DELETE");
        assert_eq!(allowed(Method::GET, "/Users/.search"), "POST");
        assert_eq!(allowed(Method::OPTIONS, "/Schemas"), "GET, HEAD");
    }

    #[test]
    fn the_base_path_ends_at_a_slash() {
        assert_eq!(below("/scim/v2/Users", "/scim/v2"), Some("/Users"));
        assert_eq!(below("/scim/v2", "/scim/v2"), Some(""));
        assert_eq!(below("/scim/v22/Users", "/scim/v2"), None);
        assert_eq!(below("/Users", ""), Some("/Users"));
    }

    #[test]
    fn only_writes_need_a_provision_token() {
        for route in ROUTES {
            let reads = matches!(route.method, "GET") || route.template.ends_with(".search");
            let me = route.operation == Operation::Me;
            assert_eq!(route.operation.access() == Access::Read, reads || me, "{route:?}");
        }
    }
}
