//! What `--help` and the man pages say beyond each option's own line: what a command is for, and
//! examples to copy. One list, so that both say the same.

use clap::Command;

/// What is said of one command.
pub struct Page {
    /// The command, as it is typed after the program's name; empty for the program itself.
    pub command: &'static str,
    /// What it is for and what it does; paragraphs are apart by an empty line.
    pub about: &'static str,
    /// Command lines, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

/// What an exit code means, for every command.
pub const EXIT_CODES: [(&str, &str); 6] = [
    ("0", "It is done, or nothing was found."),
    ("1", "It failed: the database doesn't answer, `check` found an error, a name is taken."),
    ("2", "`reconcile` found that kpifire and Entra disagree."),
    ("3", "A run of `reconcile` is incomplete: its verdict says nothing."),
    ("4", "Blocked by a threshold; nothing was written."),
    ("64", "The command line, the configuration or the profile can't be used."),
];

/// Files, and what they are for.
pub const FILES: [(&str, &str); 5] = [
    (
        "/etc/kpifire-scim/config.toml",
        "The configuration, read when there is no --config. Every key is explained in it.",
    ),
    (
        "/etc/kpifire-scim/database_url",
        "The database's URL with its password, where `database.url_file` or the unit's \
         LoadCredential= names it.",
    ),
    ("/usr/share/kpifire-scim/profiles/", "The built-in profile, to begin one's own with."),
    ("/usr/share/doc/kpifire-scim/", "The administrator's guide: install, operate, upgrade."),
    ("/var/lib/kpifire-scim/reports/", "Reports of scheduled runs (`reports.dir`), under systemd."),
];

/// Variables, and what they do.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    (
        "KPIFIRE_SCIM__SECTION__KEY",
        "Sets a key of the configuration over every file: KPIFIRE_SCIM__DATABASE__URL is \
         `database.url`. A list is written with commas.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Set by systemd for LoadCredential=: the credential `database_url` is read when neither \
         `database.url` nor `database.url_file` is set.",
    ),
    ("RUST_LOG", "Log directives over `log.level` and --quiet: `info,kpifire_scim::store=debug`."),
];

/// The pages, in the order of the help.
pub const PAGES: &[Page] = &[
    Page {
        command: "",
        about: "kpifire-scim lets Microsoft Entra ID provision users and groups into an on-prem \
                kpifire: it speaks SCIM 2.0 and writes kpifire's own database. All its state is in \
                tables named scim_… in the same database.\n\n\
                It also compares kpifire with what Entra asserted (`reconcile`, `drift`), and sees to \
                users whom Entra disabled (`cleanup`). Commands that write work beside a running \
                daemon.",
        examples: &[
            ("kpifire-scim demo", "Try everything without an install"),
            ("kpifire-scim check", "Prove the configuration against the database"),
            ("kpifire-scim migrate", "Make the sidecar tables"),
            ("kpifire-scim token create --name entra --expires 365d", "Make Entra's token"),
            ("kpifire-scim status", "See how things stand"),
        ],
    },
    Page {
        command: "demo",
        about: "Makes a folder with a seeded kpifire on SQLite, a configuration and a token, plays \
                an Entra cycle against its own listener, edits rows behind the agent's back, shows \
                the drift report that finds them out, and serves until Ctrl-C.",
        examples: &[
            ("kpifire-scim demo", "In ./kpifire-demo"),
            ("kpifire-scim demo --dir /tmp/d --serve-only", "Only serve it"),
            ("kpifire-scim drift list --config kpifire-demo/config.toml", "What drifted in it"),
        ],
    },
    Page {
        command: "serve",
        about: "Serves SCIM, and runs the reconciler and cleanup on their schedules, until SIGTERM \
                or SIGINT; requests under way then finish within `limits.drain`. Any number of \
                agents may serve one database.",
        examples: &[
            ("systemctl enable --now kpifire-scim", "As a service"),
            ("kpifire-scim serve --config plant.toml", "By hand"),
        ],
    },
    Page {
        command: "check",
        about: "Proves, one line each: the configuration, the profile against the live tables, what \
                the account is granted, the sidecar tables, the clock. What isn't right is told with \
                its reason and the fix, GRANT and CREATE INDEX statements included. Writes nothing.",
        examples: &[
            ("kpifire-scim check", "Everything"),
            ("kpifire-scim check --offline", "Configuration and profile, without a database"),
        ],
    },
    Page {
        command: "migrate",
        about: "Makes or updates the sidecar tables (scim_…); kpifire's own tables are never \
                changed. Doing it twice does nothing. With --down it drops them, after having shown \
                how many rows are lost: the database is then as if the agent had never been there, \
                but for the rows of kpifire's that it wrote.",
        examples: &[
            ("kpifire-scim migrate", "Make or update them"),
            ("kpifire-scim migrate --print", "The SQL for a DBA; changes nothing"),
            ("kpifire-scim migrate --down", "Drop them, after a question"),
        ],
    },
    Page {
        command: "export",
        about: "Writes every sidecar table as it is at one moment, as NDJSON: a header with format, \
                schema, time and the rows of each table, then one row a line. The file goes back into \
                any of the three databases. It holds no row of kpifire's own.\n\n\
                It holds the hashes of tokens (not the tokens) and personal data: a file written \
                with --out is readable by its owner alone.",
        examples: &[
            ("kpifire-scim export --out scim.ndjson", "To a file"),
            ("kpifire-scim export | zstd > scim.ndjson.zst", "Compressed"),
        ],
    },
    Page {
        command: "import",
        about: "Takes what `export` wrote into empty sidecar tables: all of it in one transaction, or \
                nothing. The file must be whole and of the same schema. Afterwards it says how many \
                links have no row in kpifire's tables.",
        examples: &[
            ("kpifire-scim migrate", "First, in a database without the tables"),
            ("kpifire-scim import scim.ndjson", "Then"),
        ],
    },
    Page {
        command: "token",
        about: "Tokens are what clients authenticate with. Only their hashes are kept.",
        examples: &[],
    },
    Page {
        command: "token create",
        about: "Prints a new token alone on stdout. It can't be read again.",
        examples: &[
            ("kpifire-scim token create --name entra --expires 365d", "For Entra"),
            ("kpifire-scim token create --name audit --scope read", "For one that only reads"),
        ],
    },
    Page {
        command: "token rotate",
        about: "Prints a new token under the same name, scope and expiry. The old one ends within \
                five seconds: put the new one into Entra at once.",
        examples: &[("kpifire-scim token rotate entra", "")],
    },
    Page {
        command: "profile",
        about: "The profile says how SCIM attributes lie in this install's tables.",
        examples: &[
            ("kpifire-scim profile init > /etc/kpifire-scim/plant.toml", "Propose one"),
            ("kpifire-scim profile show", "The one in use"),
        ],
    },
    Page {
        command: "reconcile",
        about: "Compares kpifire's tables with what Entra last asserted, in one consistent snapshot, \
                and prints the report. The verdict is CLEAN, DRIFT, INCOMPLETE or BLOCKED, and the \
                exit code says it. Writes the findings, and nothing of kpifire's unless \
                `reconcile.auto` names kinds to mend.",
        examples: &[
            ("kpifire-scim reconcile", "Now"),
            ("kpifire-scim reconcile --out drift.html", "As a page"),
            ("kpifire-scim reconcile --source users.json", "With an export of Entra itself"),
        ],
    },
    Page {
        command: "report",
        about: "Shows the report of an earlier run: what was open then, each finding as a run last saw \
                it. `list` shows all runs, cleanups among them.",
        examples: &[
            ("kpifire-scim report", "The latest"),
            ("kpifire-scim report list", "Which there are"),
            ("kpifire-scim report latest --format csv", "For a spreadsheet"),
        ],
    },
    Page {
        command: "drift",
        about: "What kpifire and Entra no longer agree on, and what to do about it. Each mending \
                locks the row, looks again, and leaves an audit row.",
        examples: &[
            ("kpifire-scim drift list", "Open findings with their ids"),
            ("kpifire-scim drift restore 0879d482f9ac20b2", "As Entra has it"),
            ("kpifire-scim drift adopt 0879d482f9ac20b2", "As kpifire has it"),
            (
                "kpifire-scim drift ignore 0879d482f9ac20b2 --reason \"known\"",
                "Count it without listing it",
            ),
        ],
    },
    Page {
        command: "cleanup",
        about: "Sees to users whom Entra disabled: after `cleanup.strip_after` their memberships go, \
                after `cleanup.anonymise_after` their personal data. A plan says what is due, and \
                only a plan can be applied.",
        examples: &[
            ("kpifire-scim cleanup plan", "What is due, and the plan's hash"),
            (
                "kpifire-scim cleanup apply --plan 4f6c0a91d2b7e835",
                "That plan, if it is still the same",
            ),
            ("kpifire-scim cleanup hold ana@plant.example --reason lawsuit", "Leave one alone"),
        ],
    },
    Page {
        command: "guard",
        about: "A mistake upstream disables people one request at a time. Over `guard.max_disables` \
                or `guard.max_percent` an hour, further ones are answered 503 until a person says \
                that they were meant.",
        examples: &[
            ("kpifire-scim guard status", "How many, and the limits"),
            ("kpifire-scim guard allow --for 1h", "They were meant"),
        ],
    },
    Page {
        command: "audit",
        about: "Prints who changed what, oldest first.",
        examples: &[
            ("kpifire-scim audit --user ana@plant.example", "One user's history"),
            ("kpifire-scim audit --since 2h", "The last two hours"),
            ("kpifire-scim audit --since 2026-11-01 --format csv", "For a spreadsheet"),
        ],
    },
    Page {
        command: "status",
        about: "Database, links, when Entra was last heard of, its last write, outcomes of the last 24 \
                hours, the last run and the next ones, tokens, on one screen.",
        examples: &[],
    },
];

/// The page of a command; `None` where its options say it all.
pub fn page(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.command == command)
}

/// Adds to each command what `--help` shows of its page.
pub fn augment(command: Command) -> Command {
    augmented(command, "")
}

fn augmented(mut command: Command, path: &str) -> Command {
    if let Some(page) = page(path) {
        command = command.long_about(page.about);
        if !page.examples.is_empty() {
            let after = command.get_after_help().map(|text| format!("{text}\n\n"));
            command = command.after_long_help(after.unwrap_or_default() + &examples(page));
        }
    }
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command.mut_subcommand(name, |sub| augmented(sub, &path))
    })
}

fn examples(page: &Page) -> String {
    let mut text = "Examples:".to_owned();
    for (line, what) in page.examples {
        let what = if what.is_empty() { String::new() } else { format!("   # {what}") };
        text += &format!("\n  {line}{what}");
    }
    text
}
