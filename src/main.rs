//! The program: arguments in, exit code out. Everything else is in the library.

fn main() -> std::process::ExitCode {
    kpifire_scim::cli::run(std::env::args_os())
}
