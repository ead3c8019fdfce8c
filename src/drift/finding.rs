//! A finding: one place where kpifire's tables and what Entra asserted have drifted apart, with the
//! fingerprint that names it from run to run. Pure; how findings are found is `diff`'s.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::digest;
use crate::scim::ResourceType;

/// What is wrong.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Entra disabled (or deleted) the user, kpifire enabled it again natively.
    Reactivated,
    /// The key now belongs to another row: created after the link, under another name.
    Recycled,
    /// A link whose legacy row is gone.
    Missing,
    /// Rows whose userName folds to the same.
    Duplicate,
    /// More than one unmanaged row could be the one that a link or a source row means.
    Ambiguous,
    /// A managed team's row is gone.
    TeamMissing,
    /// Nothing was heard from Entra for longer than `reconcile.stale_after`.
    StaleSource,
    /// The export has a user that kpifire lacks.
    SourceMissing,
    /// A mapped attribute differs from what Entra last asserted.
    Attribute,
    /// Entra has the user active, kpifire inactive.
    WronglyDisabled,
    /// kpifire has a membership of a managed team that Entra didn't assert.
    MemberExtra,
    /// Entra asserted a membership that kpifire lacks.
    MemberMissing,
    /// A managed team's name differs.
    TeamAttribute,
    /// A membership of a user or team that doesn't exist.
    OrphanMember,
    /// A legacy value that the profile can't read.
    InvalidValue,
    /// A disabled user past its grace that wasn't cleaned up.
    OverdueCleanup,
    /// A deleted user's row was brought back under another externalId.
    Reused,
    /// A user that Entra provisioned and the export doesn't have.
    SourceExtra,
    /// An attribute that differs from the export.
    SourceAttribute,
    /// A user row that Entra neither matched nor wrote.
    Unmanaged,
}

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// Somebody has access who shouldn't, or may be taken for somebody else.
    Critical,
    /// A person or team is lost or can't be told apart.
    Error,
    /// Values differ.
    Warning,
    /// For information.
    Info,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Kind {
    /// Every kind, in the order of reports: by severity, then as declared.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Those that only a comparison with an export of Entra sees, and only it sees gone.
    pub const OF_EXPORTS: [Self; 3] =
        [Self::SourceMissing, Self::SourceExtra, Self::SourceAttribute];

    /// Its name in reports, commands and `scim_findings.kind`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Reactivated | Self::Recycled => Severity::Critical,
            Self::Missing
            | Self::Duplicate
            | Self::Ambiguous
            | Self::TeamMissing
            | Self::StaleSource
            | Self::SourceMissing => Severity::Error,
            Self::Attribute
            | Self::WronglyDisabled
            | Self::MemberExtra
            | Self::MemberMissing
            | Self::TeamAttribute
            | Self::OrphanMember
            | Self::InvalidValue
            | Self::OverdueCleanup
            | Self::Reused
            | Self::SourceExtra
            | Self::SourceAttribute => Severity::Warning,
            Self::Unmanaged => Severity::Info,
        }
    }

    /// What the kind means, in a sentence for the operator.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Reactivated => "Entra disabled the user; kpifire has it active again",
            Self::Recycled => "the key now belongs to another person's row",
            Self::Missing => "Entra manages the user; its row is gone",
            Self::Duplicate => "rows whose userNames are the same but for case",
            Self::Ambiguous => "more than one row could be the user that Entra means",
            Self::TeamMissing => "Entra manages the team; its row is gone",
            Self::StaleSource => "Entra has not been heard of for too long",
            Self::SourceMissing => "the export of Entra has a user that kpifire lacks",
            Self::Attribute => "a value differs from what Entra last wrote",
            Self::WronglyDisabled => "Entra has the user active; kpifire has it inactive",
            Self::MemberExtra => "a membership that Entra did not assert",
            Self::MemberMissing => "a membership that Entra asserted and kpifire lacks",
            Self::TeamAttribute => "a team's value differs from what Entra last wrote",
            Self::OrphanMember => "a membership of a user or team that does not exist",
            Self::InvalidValue => "a value that the profile can't read",
            Self::OverdueCleanup => "a disabled user past its grace, not cleaned up",
            Self::Reused => {
                "a deleted user's row was brought back under another externalId: perhaps another person"
            }
            Self::SourceExtra => "an active user that the export of Entra doesn't have",
            Self::SourceAttribute => "a value differs from the export of Entra",
            Self::Unmanaged => "a user row that Entra neither matched nor wrote",
        }
    }

    /// Whether what Entra wrote can be restored.
    pub fn restores(self) -> bool {
        self.verb() == Some("restore")
    }

    /// Whether what kpifire has can be adopted.
    pub fn adopts(self) -> bool {
        // An edge to nobody can be taken away alone.
        self != Self::OrphanMember && matches!(self.verb(), Some("restore" | "adopt"))
    }

    /// The command that mends a finding of this kind; `None` where none can.
    pub fn command(self, id: &str) -> Option<String> {
        self.verb().map(|verb| format!("kpifire-scim drift {verb} {id}"))
    }

    fn verb(self) -> Option<&'static str> {
        Some(match self {
            Self::Reactivated
            | Self::Attribute
            | Self::WronglyDisabled
            | Self::Missing
            | Self::MemberExtra
            | Self::MemberMissing
            | Self::TeamAttribute
            | Self::TeamMissing
            | Self::OrphanMember => "restore",
            // The row is somebody else's: the link lets go of it, and Entra finds its user anew.
            Self::Recycled | Self::Reused => "adopt",
            Self::Unmanaged => "ignore",
            Self::Duplicate
            | Self::Ambiguous
            | Self::StaleSource
            | Self::InvalidValue
            | Self::OverdueCleanup
            | Self::SourceMissing
            | Self::SourceExtra
            | Self::SourceAttribute => return None,
        })
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// Of what; `None` where it is of no one resource.
    pub resource: Option<ResourceType>,
    /// The SCIM id; for a membership the team's.
    pub scim_id: Option<String>,
    /// The attribute's path; for a membership `members[value eq "USER"]`.
    pub attribute: Option<String>,
    /// Entra's own id for it.
    pub external_id: Option<String>,
    /// userName or displayName.
    pub name: Option<String>,
    /// What Entra asserted; null: nothing.
    pub expected: Value,
    /// What kpifire has; null: nothing.
    pub actual: Value,
    /// Why this is a finding, in a sentence with what the operator needs to decide.
    pub why: String,
}

impl Finding {
    /// The text of the key that the SCIM id is made of: what the sidecar tables call the resource.
    pub fn key(&self) -> Option<&str> {
        let id = self.scim_id.as_deref()?;
        self.resource.map_or(Some(id), |kind| kind.key(id))
    }

    /// Names the finding from run to run: kind, resource (by Entra's id where kpifire has none) and
    /// field, not the values. 16 hexadecimal digits of SHA-256.
    pub fn fingerprint(&self) -> String {
        let resource = self.resource.map_or("", ResourceType::as_str);
        let parts = [self.kind.as_str(), resource];
        let id = self.key().or(self.external_id.as_deref());
        let optional = [id, self.attribute.as_deref()];
        digest::of_parts(parts.into_iter().chain(optional.map(Option::unwrap_or_default)), 8)
    }
}

/// The `attribute` of a membership's finding.
pub fn member_field(user: &str) -> String {
    format!("members[value eq {}]", Value::from(user))
}

/// The user of a membership's `attribute`.
pub fn member_of(field: &str) -> Option<String> {
    let quoted = field.strip_prefix("members[value eq ")?.strip_suffix(']')?;
    serde_json::from_str(quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: Kind, id: &str, attribute: Option<&str>) -> Finding {
        Finding {
            kind,
            resource: Some(ResourceType::User),
            scim_id: Some(id.to_owned()),
            attribute: attribute.map(str::to_owned),
            external_id: None,
            name: None,
            expected: Value::Null,
            actual: Value::Null,
            why: String::new(),
        }
    }

    #[test]
    fn kinds_are_listed_once_by_severity() {
        let mut sorted = Kind::ALL.to_vec();
        sorted.sort_by_key(|kind| (kind.severity(), *kind));
        assert_eq!(sorted, Kind::ALL);
        sorted.dedup();
        assert_eq!(sorted.len(), Kind::ALL.len());
        for &kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn a_fingerprint_depends_on_kind_resource_and_field_alone() {
        let one = finding(Kind::Attribute, "7", Some("title"));
        let values = Finding { actual: "x".into(), name: Some("ana".into()), ..one.clone() };
        assert_eq!(one.fingerprint(), values.fingerprint());
        assert_eq!(one.fingerprint().len(), 16);
        for other in [
            finding(Kind::InvalidValue, "7", Some("title")),
            finding(Kind::Attribute, "71", Some("title")),
            finding(Kind::Attribute, "7", Some("active")),
            finding(Kind::Attribute, "7", None),
        ] {
            assert_ne!(one.fingerprint(), other.fingerprint());
        }
    }

    #[test]
    fn a_member_field_gives_its_user_back() {
        for user in ["7", "a\"b", "]", ""] {
            assert_eq!(member_of(&member_field(user)).as_deref(), Some(user));
        }
        assert_eq!(member_of("title"), None);
    }
}
