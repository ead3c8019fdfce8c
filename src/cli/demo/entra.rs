//! The demo's directory: whom Entra knows, as they were when provisioning began and as they are
//! now. Data alone; sends nothing.

/// A person in Entra.
#[derive(Debug)]
pub struct Person {
    /// What Entra matches by.
    pub user_name: &'static str,
    /// Entra's own object id.
    pub external_id: &'static str,
    /// First name.
    pub given: &'static str,
    /// Last name.
    pub family: &'static str,
    /// What a new account is created with.
    pub at_first: Facts,
    /// What has become of it since.
    pub now: Facts,
    /// Whether they still work here.
    pub standing: Standing,
}

/// What changes in a person's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Job title.
    pub title: &'static str,
    /// Department; kpifire gets those it doesn't have yet.
    pub department: &'static str,
    /// Work phone.
    pub phone: Option<&'static str>,
}

/// Whether an account is assigned to kpifire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Assigned.
    Employed,
    /// Unassigned: Entra disables and never deletes.
    Left,
}

/// A group in Entra.
#[derive(Debug)]
pub struct Group {
    /// What Entra matches by.
    pub display_name: &'static str,
    /// Entra's own object id.
    pub external_id: &'static str,
    /// How its memberships are sent.
    pub dialect: Dialect,
    /// Whom a new group begins with.
    pub at_first: &'static [&'static str],
    /// Who belongs to it now.
    pub now: &'static [&'static str],
}

/// Entra's two ways of writing a PATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"op":"Add","path":…}`: capitalised, booleans as strings.
    Classic,
    /// `{"op":"add",…}`: RFC 7644 §3.5.2.
    Rfc,
}

const fn facts(
    title: &'static str,
    department: &'static str,
    phone: Option<&'static str>,
) -> Facts {
    Facts { title, department, phone }
}

const fn hired(
    user_name: &'static str,
    external_id: &'static str,
    name: [&'static str; 2],
    at_first: Facts,
) -> Person {
    let [given, family] = name;
    let now = at_first;
    Person { user_name, external_id, given, family, at_first, now, standing: Standing::Employed }
}

/// Everybody. The first two have been in kpifire since before Entra; the second has left.
pub const PEOPLE: [Person; 12] = [
    Person {
        now: facts("Head of Quality", "Quality", Some("+1 555 0203")),
        ..hired(
            "quality.lead@plant.example",
            "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a01",
            ["Quality", "Lead"],
            facts("Quality Lead", "Quality", Some("+1 555 0103")),
        )
    },
    Person {
        standing: Standing::Left,
        ..hired(
            "line.one@plant.example",
            "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a02",
            ["Line", "One"],
            facts("Operator", "Assembly", None),
        )
    },
    Person {
        now: facts("Shift Supervisor", "Assembly", Some("+1 555 0110")),
        ..hired(
            "Ana.Silva@plant.example",
            "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a03",
            ["Ana", "Silva"],
            facts("Operator", "Assembly", None),
        )
    },
    hired(
        "ben.okafor@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a04",
        ["Ben", "Okafor"],
        facts("Maintenance Technician", "Maintenance", Some("+1 555 0111")),
    ),
    hired(
        "chen.wei@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a05",
        ["Wei", "Chen"],
        facts("Process Engineer", "Operations", Some("+1 555 0112")),
    ),
    Person {
        now: facts("Logistics Planner", "Logistics", Some("+1 555 0113")),
        ..hired(
            "dana.novak@plant.example",
            "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a06",
            ["Dana", "Novák"],
            facts("Buyer", "Finance", Some("+1 555 0113")),
        )
    },
    hired(
        "emil.sorensen@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a07",
        ["Emil", "Sørensen"],
        facts("Plant Controller", "Finance", Some("+1 555 0114")),
    ),
    hired(
        "fatima.haddad@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a08",
        ["Fatima", "Haddad"],
        facts("Quality Inspector", "Quality", None),
    ),
    hired(
        "grace.kim@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a09",
        ["Grace", "Kim"],
        facts("Operator", "Assembly", None),
    ),
    hired(
        "hugo.martin@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a10",
        ["Hugo", "Martin"],
        facts("Operator", "Assembly", None),
    ),
    hired(
        "ines.costa@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a11",
        ["Inês", "Costa"],
        facts("Continuous Improvement Manager", "Operations", Some("+1 555 0115")),
    ),
    hired(
        "jan.o'neill@plant.example",
        "6c1f8f0e-0d53-4b7c-9a52-0f8b6d0c1a12",
        ["Jan", "O'Neill"],
        facts("Plant Manager", "Operations", Some("+1 555 0116")),
    ),
];

/// Both groups: the first has been a team in kpifire since before Entra.
pub const GROUPS: [Group; 2] = [
    Group {
        display_name: "Kaizen Core",
        external_id: "b2d4a0c6-7e19-4c55-8d5e-3f0a9b7c2d01",
        dialect: Dialect::Rfc,
        at_first: &[],
        now: &[
            "quality.lead@plant.example",
            "Ana.Silva@plant.example",
            "chen.wei@plant.example",
            "ines.costa@plant.example",
        ],
    },
    Group {
        display_name: "Line 1 Quality Circle",
        external_id: "b2d4a0c6-7e19-4c55-8d5e-3f0a9b7c2d02",
        dialect: Dialect::Classic,
        at_first: &["jan.o'neill@plant.example"],
        now: &[
            "fatima.haddad@plant.example",
            "grace.kim@plant.example",
            "hugo.martin@plant.example",
            "ben.okafor@plant.example",
        ],
    },
];
