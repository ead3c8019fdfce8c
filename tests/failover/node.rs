//! A database server of the test's own: processes of an unprivileged user, a folder, free ports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The user that servers run as where the tests run as root, whom they refuse.
const NOBODY: &str = "nobody";

fn is_root() -> bool {
    whoami::username().is_ok_and(|name| name == "root")
}

/// A folder that servers may write into.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        let done = Command::new("chown").arg(NOBODY).arg(folder.path()).status().unwrap();
        assert!(done.success());
    }
    folder
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A program of the server's: on the path, or in one of the folders of `else_in`.
pub fn program(name: &str, else_in: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir(else_in) {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed; `tests/run` installs it"))
}

/// A command as the servers' user.
pub fn command(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", NOBODY, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Makes a folder that is the servers' user's.
pub fn make_folder(folder: &Path) {
    run(command(Path::new("/bin/mkdir")).arg("-p").arg(folder));
}

/// One of MariaDB's programs, which must be told of its folder for temporary tables first of all: a
/// server that starts deletes whatever tables it finds in its own, those of a running server too.
pub fn mariadb(name: &str, temporary: &Path) -> Command {
    make_folder(temporary);
    let mut command = command(&program(name, "/usr"));
    command.arg("--no-defaults").arg(format!("--tmpdir={}", temporary.display()));
    command
}

/// Makes a MariaDB's data; the file that its first start is to run, which makes the tests' account.
pub fn install_mariadb(folder: &Path, data: &Path) -> PathBuf {
    let init = folder.join("init.sql");
    let grants = "CREATE USER 'kpifire'@'127.0.0.1' IDENTIFIED BY 'kpifire';\n\
                  GRANT ALL ON *.* TO 'kpifire'@'127.0.0.1' WITH GRANT OPTION;\n";
    std::fs::write(&init, grants).unwrap();
    let mut install = mariadb("mariadb-install-db", &folder.join("tmp"));
    install.args(["--skip-test-db", "--auth-root-authentication-method=normal"]);
    run(install.arg(format!("--datadir={}", data.display())));
    init
}

/// Runs a command to its end; it must succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

/// A running server; killed when dropped.
pub struct Node {
    child: Child,
    pid_file: PathBuf,
}

impl Node {
    /// Starts it; what it logs goes to a file.
    pub fn start(command: &mut Command, pid_file: PathBuf, log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: command.spawn().unwrap(), pid_file }
    }

    /// Sends the server itself a signal: the child may be a wrapper around it.
    pub fn signal(&self, signal: &str) {
        let Ok(text) = std::fs::read_to_string(&self.pid_file) else { return };
        let pid = text.lines().next().unwrap_or_default().trim();
        let _ = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
    }

    /// Ends it as a crash does, and waits until it is gone.
    pub fn crash(&mut self, signal: &str) {
        self.signal(signal);
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.signal("-KILL");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
