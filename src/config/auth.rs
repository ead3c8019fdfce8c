//! `[auth]`: tokens that Entra itself issues, and the clients' tokens. Owns their defaults.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::read::Reader;
use super::sections::non_empty;
use crate::profile::near_miss;

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `[auth.entra]`: tokens that Entra itself issues. Absent: none of them is accepted.
    pub entra: Option<Entra>,
    /// `auth.oauth.token_lifetime`: how long a token lasts that a client is given. Default `1h`.
    pub token_lifetime: Duration,
}

/// `[auth.entra]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entra {
    /// `auth.entra.tenant`: the tenant's UUID; the issuer must name it, as all tenants share the
    /// audience.
    pub tenant: Uuid,
    /// `auth.entra.cloud`: the cloud that the tenant is in. Default `global`.
    pub cloud: Cloud,
    /// `auth.entra.audience`
    pub audience: String,
    /// `auth.entra.jwks`: where the keys are. Absent: what the tenant publishes.
    pub jwks: Jwks,
    /// `auth.entra.app`: the only application whose tokens are accepted. Absent: any that the tenant
    /// gives a token for the audience.
    pub app: Option<Uuid>,
    /// `auth.entra.leeway`: how far clocks may differ. Default `5m`, as Microsoft's own libraries.
    pub leeway: Duration,
}

/// One of Microsoft's clouds: each has an Entra of its own, at addresses of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// The one that everybody has who was given no other.
    Global,
    /// Microsoft's for the government of the United States.
    UsGovernment,
    /// 21Vianet's in China.
    China,
}

impl Cloud {
    const ALL: [Self; 3] = [Self::Global, Self::UsGovernment, Self::China];

    fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovernment => "us-government",
            Self::China => "china",
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| {
            let hint = near_miss::hint(text, names);
            format!("must be {}, not `{text}`{hint}", names.join(" or "))
        })
    }

    /// The host that people and applications sign in at: the issuer of tokens of version 2, and where the
    /// keys of both versions are.
    pub fn sign_in(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// Where a tenant's keys are.
    fn keys(self, tenant: Uuid) -> String {
        format!("https://{}/{tenant}/discovery/v2.0/keys", self.sign_in())
    }

    /// The issuer's host in tokens of version 1. The US government's cloud has the global one's.
    pub fn token_service(self) -> &'static str {
        match self {
            Self::Global | Self::UsGovernment => "sts.windows.net",
            Self::China => "sts.chinacloudapi.cn",
        }
    }
}

/// Where a JSON Web Key Set (RFC 7517 §5) is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// A file.
    File(PathBuf),
    /// `https://…`, or `http://…` on this machine.
    Url(String),
}

impl fmt::Display for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl Auth {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let minute = Duration::from_secs(60);
        let token_lifetime =
            reader.duration("auth.oauth.token_lifetime", "1h", minute / 60, minute * 60 * 24);
        let wanted = reader.any_under("auth.entra.");
        let tenant = reader.optional("auth.entra.tenant", |text| {
            Uuid::parse_str(text).map_err(|_| {
                format!("must be the tenant's id, a UUID such as 11111111-2222-3333-4444-555555555555, not `{text}`")
            })
        });
        let cloud = reader.optional("auth.entra.cloud", Cloud::read).unwrap_or(Cloud::Global);
        let audience = reader.optional("auth.entra.audience", non_empty);
        let jwks = reader.optional("auth.entra.jwks", jwks);
        let app = reader.optional("auth.entra.app", |text| {
            Uuid::parse_str(text).map_err(|_| {
                format!("must be an application's id, a UUID such as 00000014-0000-0000-c000-000000000000, not `{text}`")
            })
        });
        let leeway = reader.duration("auth.entra.leeway", "5m", Duration::ZERO, minute * 10);
        if wanted && tenant.is_none() {
            reader.problem(
                "auth.entra.tenant",
                None,
                "is needed by `auth.entra`: without it any tenant's token would do",
            );
        }
        if wanted && audience.is_none() {
            reader.problem("auth.entra.audience", None, "is needed by `auth.entra`");
        }
        let leeway = leeway?;
        let entra = match (tenant, audience) {
            (Some(tenant), Some(audience)) => {
                let jwks = jwks.unwrap_or_else(|| Jwks::Url(cloud.keys(tenant)));
                Some(Entra { tenant, cloud, audience, jwks, app, leeway })
            }
            _ => None,
        };
        Some(Self { entra, token_lifetime: token_lifetime? })
    }
}

/// Whoever can change the keys on their way can sign tokens.
fn jwks(text: &str) -> Result<Jwks, String> {
    let text = non_empty(text)?;
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Jwks::File(PathBuf::from(text)));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    match scheme {
        _ if host.is_empty() || authority.contains('@') => {
            Err("must have a host and no user name".to_owned())
        }
        "https" => Ok(Jwks::Url(text)),
        "http" if here => Ok(Jwks::Url(text)),
        "http" => {
            Err("must be an https:// URL: keys that come in the clear prove nothing".to_owned())
        }
        _ => Err(format!("must be an https:// URL or a file's path, not a {scheme}:// URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_keys() {
        let tenant = Uuid::from_u128(0x11111111_2222_3333_4444_555555555555);
        for (name, host) in [
            ("global", "login.microsoftonline.com"),
            ("us-government", "login.microsoftonline.us"),
            ("china", "login.partner.microsoftonline.cn"),
        ] {
            let keys = format!("https://{host}/{tenant}/discovery/v2.0/keys");
            assert_eq!(Cloud::read(name).map(|cloud| cloud.keys(tenant)), Ok(keys));
        }
        let said = Cloud::read("us-goverment").unwrap_err();
        assert!(said.contains("did you mean `us-government`?"), "{said}");
    }

    #[test]
    fn keys_come_from_a_file_or_by_https() {
        assert_eq!(jwks("keys.json"), Ok(Jwks::File("keys.json".into())));
        for url in [
            "https://login.microsoftonline.com/x/keys",
            "http://127.0.0.1:9000/keys",
            "http://[::1]/keys",
            "http://localhost/keys",
        ] {
            assert_eq!(jwks(url), Ok(Jwks::Url(url.to_owned())));
        }
        for bad in [
            "",
            "http://keys.example/keys",
            "http://127.0.0.1@keys.example/keys",
            "http://localhost.example/",
            "ftp://keys.example/keys",
            "https:///keys",
        ] {
            assert!(jwks(bad).is_err(), "{bad}");
        }
    }
}
