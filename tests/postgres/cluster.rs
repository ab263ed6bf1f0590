//! A server of the test's own, to be killed, or set as no shared one can be.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use freehold::backend::postgres::sqlx::PgPool;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tempfile::TempDir;

pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    settings: &'static [&'static str],
    /// The superuser's, if it is asked for.
    password: Option<&'static str>,
    postmaster: Option<Child>,
}

impl Cluster {
    /// A new cluster, of the version whose programs `FREEHOLD_POSTGRES_PROGRAMS` names, or else of the newest that the
    /// system has.
    pub(crate) fn start() -> Self {
        Self::new(&[], None)
    }

    /// The same with settings, each as `name=value`.
    pub(crate) fn start_with(settings: &'static [&'static str]) -> Self {
        Self::new(settings, None)
    }

    /// The same, where every login takes a password and the log has every statement.
    pub(crate) fn start_with_password(password: &'static str) -> Self {
        Self::new(&["log_statement=all"], Some(password))
    }

    /// The same, where nobody gets in without TLS. Its certificate is nobody's but its own.
    pub(crate) fn start_with_tls() -> Self {
        let mut cluster = Self::new(&[], None);
        cluster.kill();
        // A certificate that signs others is none for a server.
        let of_a_server = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=here\n\
                           [ext]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
        cluster.write("request.cnf", of_a_server);
        cluster.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
        let mut openssl = cluster.as_server(Path::new("openssl"));
        openssl.current_dir(cluster.data());
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        run(openssl.args([
            "-config",
            "request.cnf",
            "-keyout",
            "server.key",
            "-out",
            "server.crt",
        ]));
        cluster.settings = &["ssl=on"];
        cluster.start_again();
        cluster
    }

    /// What the server shows to those who connect.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.data().join("server.crt")
    }

    fn new(settings: &'static [&'static str], password: Option<&'static str>) -> Self {
        let programs = std::env::var_os("FREEHOLD_POSTGRES_PROGRAMS")
            .map(PathBuf::from)
            .or_else(newest_programs)
            .expect("this test needs the programs of PostgreSQL: run scripts/test");
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster = Self { folder, programs, port, settings, password, postmaster: None };
        let mut initdb = cluster.program("initdb");
        initdb.args(["-U", "postgres", "--encoding", "UTF8", "-D"]).arg(cluster.data());
        match password {
            None => initdb.args(["-A", "trust"]),
            Some(password) => {
                let file = cluster.folder.path().join("password");
                std::fs::write(&file, password).unwrap();
                initdb.args(["-A", "scram-sha-256", "--pwfile"]).arg(file)
            }
        };
        run(&mut initdb);
        cluster.start_again();
        cluster
    }

    /// Starts the server, which recovers what was committed, and waits until it says that it takes connections. A child that was
    /// begun while its siblings were killed can outlive them for a moment; until it has gone, the server refuses to start.
    pub(crate) fn start_again(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let mut postmaster = self.spawn();
            loop {
                assert!(Instant::now() < deadline, "the server does not start");
                if postmaster.try_wait().unwrap().is_some() {
                    break;
                }
                if self.takes_connections(postmaster.id()) {
                    self.postmaster = Some(postmaster);
                    return;
                }
                std::thread::yield_now();
            }
        }
    }

    /// What this postmaster has written of itself. That somebody listens on the port would not do: it can be another one who was
    /// given it meanwhile, or a child of the server before.
    fn takes_connections(&self, postmaster: u32) -> bool {
        let written = std::fs::read_to_string(self.data().join("postmaster.pid"));
        let written = written.unwrap_or_default();
        let mut lines = written.lines().map(str::trim);
        // `setpriv` becomes the postmaster: they are one process.
        lines.next() == Some(&postmaster.to_string())
            && matches!(lines.nth(6), Some("ready" | "standby"))
    }

    fn spawn(&self) -> Child {
        let mut postgres = self.program("postgres");
        postgres
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "restart_after_crash=off", "-c"])
            .arg(format!("unix_socket_directories={}", self.folder.path().display()))
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stderr(File::create(self.log()).unwrap());
        postgres.spawn().unwrap()
    }

    /// `kill -9`, of the postmaster and all that it has started.
    pub(crate) fn kill(&mut self) {
        let mut postmaster = self.postmaster.take().unwrap();
        let pid = postmaster.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let all = std::iter::once(pid.to_string())
            .chain(children.split_whitespace().map(str::to_owned))
            .collect::<Vec<_>>();
        // A child may have ended by itself in between.
        let _ = Command::new("kill").arg("-9").args(&all).stderr(Stdio::null()).status().unwrap();
        let _ = postmaster.wait().unwrap();
    }

    /// Keeps a copy of what a server that was killed has on its disk.
    pub(crate) fn keep(&self) {
        run(Command::new("cp").arg("-a").arg(self.data()).arg(self.kept()));
    }

    /// Puts what was kept in the place of all that came later.
    pub(crate) fn go_back(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        std::fs::rename(self.kept(), self.data()).unwrap();
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    /// The URL of the superuser with this password.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// A file with what the server has logged since it was started.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// A pool that waits for the server to come back.
    pub(crate) fn pool(&self) -> PgPool {
        let patience = Duration::from_mins(1);
        let options = PgPoolOptions::new().max_connections(6).acquire_timeout(patience);
        options.connect_lazy_with(self.options())
    }

    /// A copy of the database, dumped and restored under another name.
    pub(crate) fn restored_as(&self, name: &str) -> PgPool {
        // The server's user makes the file, in a folder of its own.
        let file = self.data().join("dump.sql");
        run(self.client("pg_dump").arg("-f").arg(&file).arg("postgres"));
        run(self.client("psql").args(["-c", &format!("CREATE DATABASE {name}"), "postgres"]));
        run(self.client("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).arg(name));
        PgPoolOptions::new().connect_lazy_with(self.options().database(name))
    }

    /// A program that asks the server for something.
    fn client(&self, name: &str) -> Command {
        let mut client = self.program(name);
        client.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        client
    }

    /// How the administrator gets in.
    pub(crate) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options
            .username("postgres")
            .database("postgres")
            .password(self.password.unwrap_or_default())
    }

    /// Writes a file of the server's.
    pub(crate) fn write(&self, file: &str, content: &str) {
        std::fs::write(self.data().join(file), content).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        self.as_server(&self.programs.join(name))
    }

    /// PostgreSQL refuses to run as root, and what it reads must be its user's.
    fn as_server(&self, program: &Path) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).stdout(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.postmaster.is_some() {
            self.kill();
        }
    }
}

fn newest_programs() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path))?;
    Some(newest.join("bin"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
