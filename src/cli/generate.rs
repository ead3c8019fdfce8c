//! `generate`: man pages and shell completions, for the package. Hidden from the help.

use std::path::{Path, PathBuf};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::error::Error;
use super::manual::{ENVIRONMENT, EXIT_CODES, FILES, Page, page};

/// `generate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to write
    #[arg(value_enum)]
    what: What,
    /// The folder; made if it isn't there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// A page of section 1 for each command
    Man,
    /// For bash, zsh and fish
    Completions,
}

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes them; `command` is the whole command line.
///
/// # Errors
/// 1 when the folder or a file can't be written.
pub fn run(args: &Args, command: &Command) -> Result<(), Error> {
    let folder = &args.out;
    let mut command = shown(command);
    let written = std::fs::create_dir_all(folder).and_then(|()| match args.what {
        What::Man => {
            let mut command = command.disable_help_subcommand(true);
            command.build();
            man(&command, "", folder)
        }
        What::Completions => SHELLS.into_iter().try_for_each(|shell| {
            clap_complete::generate_to(shell, &mut command, "kpifire-scim", folder).map(|_| ())
        }),
    });
    written.map_err(|error| Error::failed(format!("can't write into {}", folder.display()), error))
}

/// The command line without what the help hides.
fn shown(command: &Command) -> Command {
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned();
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned().unwrap_or_default();
    Command::new("kpifire-scim")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .long_about(long_about)
        .subcommand_required(true)
        .args(command.get_arguments().cloned())
        .subcommands(shown)
}

fn man(command: &Command, path: &str, folder: &Path) -> std::io::Result<()> {
    let mut below = Vec::new();
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name());
        below.push(format!("kpifire-scim{}", path.replace(' ', "-")));
        man(sub, &path, folder)?;
    }
    let page = page(path.trim_start());
    let source = concat!("kpifire-scim ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("kpifire-scim");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    let mut head = Roff::default();
    synopsis(&mut head, command);
    head.to_writer(&mut out)?;
    man.render_description_section(&mut out)?;
    if !below.is_empty() {
        man.render_subcommands_section(&mut out)?;
    }
    man.render_options_section(&mut out)?;
    let mut more = Roff::default();
    if let Some(page) = page.filter(|page| !page.examples.is_empty()) {
        examples(&mut more, page);
    }
    exit_codes(&mut more, command);
    if path.is_empty() {
        listed(&mut more, "FILES", &FILES);
        listed(&mut more, "ENVIRONMENT", &ENVIRONMENT);
    }
    see_also(&mut more, path, &below);
    more.to_writer(&mut out)?;
    std::fs::write(folder.join(man.get_filename()), out)
}

/// The command with everything that it takes; the library's own leaves out the options' values.
fn synopsis(roff: &mut Roff, command: &Command) {
    roff.control("SH", ["SYNOPSIS"]);
    let mut words = vec![bold(command.get_bin_name().unwrap_or_else(|| command.get_name()))];
    for argument in command.get_arguments().filter(|it| !it.is_hide_set()) {
        let is_bare = argument.is_positional() || argument.is_required_set();
        let shown = if is_bare { argument.to_string() } else { format!("[{argument}]") };
        words.extend([roman(" "), roman(shown)]);
    }
    if command.has_subcommands() {
        words.push(roman(" <COMMAND>"));
    }
    roff.text(words);
}

fn examples(roff: &mut Roff, page: &Page) {
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in page.examples {
        roff.control("TP", []);
        roff.text([bold(*line)]);
        roff.text([roman(*what)]);
    }
}

fn exit_codes(roff: &mut Roff, command: &Command) {
    listed(roff, "EXIT STATUS", &EXIT_CODES);
    // The program's own says the same of all codes.
    if let Some(own) = command.get_after_help().filter(|_| command.get_subcommands().count() == 0) {
        roff.control("PP", []);
        roff.text([roman(own.to_string())]);
    }
}

fn listed(roff: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
}

/// The page above, and those below.
fn see_also(roff: &mut Roff, path: &str, below: &[String]) {
    let above = path.rsplit_once(' ').map(|(above, _)| above);
    let above = above.map(|above| format!("kpifire-scim{}", above.replace(' ', "-")));
    let names: Vec<&String> = above.iter().chain(below).collect();
    roff.control("SH", ["SEE ALSO"]);
    let last = names.len().saturating_sub(1);
    let names = names.into_iter().enumerate().flat_map(|(at, name)| {
        [bold(name.as_str()), roman(if at == last { "(1)" } else { "(1), " })]
    });
    roff.text(names.collect::<Vec<_>>());
}
