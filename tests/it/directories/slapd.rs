//! OpenLDAP's server with the people of the sandbox in it, and some with whom something is wrong.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use ldap3::{LdapConnAsync, Mod};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::server::{Server, free_port, program};

const READER: &str = "cn=reader,dc=example,dc=com";
const POOR: &str = "cn=poor,dc=example,dc=com";

/// Who has which manager, by `uid`; several managers are several lines.
const PEOPLE: &str = "robin kim; kim oda; oda; nova; casey kim oda; gil gil; mika gone; pat ext; ext; \
                      cory loop; loop cory; manager*star";

pub(super) struct Slapd {
    /// Kept for its end.
    server: Server,
    pub(super) folder: tempfile::TempDir,
    pub(super) port: u16,
    pub(super) tls_port: u16,
}

impl Slapd {
    /// `None` where it is not installed.
    pub(super) fn start() -> Option<Self> {
        let program = program("slapd", &["/usr/sbin/slapd", "/usr/libexec/slapd"])?;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(path("db")).unwrap();
        certificates(folder.path());
        fs::write(path("slapd.conf"), configuration(&path("."))).unwrap();
        fs::write(path("seed.ldif"), seed()).unwrap();
        fs::write(path("password"), "a secret with spaces\n").unwrap();
        let seeded = Command::new(&program)
            .args(["-T", "add", "-f", &path("slapd.conf"), "-l", &path("seed.ldif")])
            .output()
            .unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        for _ in 0..5 {
            let (port, tls_port) = (free_port(), free_port());
            let listen = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/");
            let mut command = Command::new(&program);
            command.args(["-f", &path("slapd.conf"), "-h", &listen, "-d", "0"]);
            if let Some(server) = Server::start(command.stdout(Stdio::null()).stderr(Stdio::null()), tls_port)
            {
                return Some(Self { server, folder, port, tls_port });
            }
        }
        panic!("slapd does not start");
    }

    /// The server is restarted on the same ports: every connection to it is broken.
    pub(super) fn restart(mut self) -> Self {
        let path = self.folder.path().join("slapd.conf").display().to_string();
        let listen = format!("ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/", self.port, self.tls_port);
        let program = program("slapd", &["/usr/sbin/slapd", "/usr/libexec/slapd"]).unwrap();
        let Self { server, folder, port, tls_port } = self;
        drop(server);
        let mut command = Command::new(program);
        command.args(["-f", &path, "-h", &listen, "-d", "0"]);
        let server = Server::start(command.stdout(Stdio::null()).stderr(Stdio::null()), tls_port);
        self = Self { server: server.expect("the ports are still free"), folder, port, tls_port };
        self
    }

    /// `[directory]` for countersign.
    pub(super) fn section(&self) -> String {
        format!(
            "[directory]\nkind = \"ldap\"\n\n[directory.ldap]\nurl = \"ldap://127.0.0.1:{}\"\n\
             bind_dn = \"{READER}\"\npassword_file = \"{}\"\nbase = \"ou=people,dc=example,dc=com\"\n",
            self.port,
            self.folder.path().join("password").display()
        )
    }

    /// Who may bind and see nothing.
    pub(super) fn poor() -> &'static str {
        POOR
    }

    pub(super) fn reader() -> &'static str {
        READER
    }

    /// Changes an entry, as whoever keeps the directory does.
    pub(super) async fn changes(&self, name: &str, change: Mod<&str>) {
        let url = format!("ldap://127.0.0.1:{}", self.port);
        let (connection, mut ldap) = LdapConnAsync::new(&url).await.unwrap();
        tokio::spawn(async move { connection.drive().await });
        let bound = ldap.simple_bind("cn=admin,dc=example,dc=com", "secret").await.unwrap();
        bound.success().unwrap();
        ldap.modify(&dn(name), vec![change]).await.unwrap().success().unwrap();
        ldap.unbind().await.unwrap();
    }
}

pub(super) fn dn(name: &str) -> String {
    format!("uid={name},ou=people,dc=example,dc=com")
}

fn configuration(folder: &str) -> String {
    let folder = folder.trim_end_matches("/.");
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 10485760
suffix \"dc=example,dc=com\"
rootdn \"cn=admin,dc=example,dc=com\"
rootpw secret
directory {folder}/db
index objectClass eq
index uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=\"{READER}\" read by * none
"
    )
}

fn seed() -> String {
    let mut text = "dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=far,dc=example,dc=com
objectClass: referral
objectClass: extensibleObject
ou: far
ref: ldap://127.0.0.1:1/ou=far,dc=example,dc=com

"
    .to_owned();
    for (dn, name) in [(READER, "reader"), (POOR, "poor")] {
        let more = "userPassword: a secret with spaces";
        writeln!(text, "dn: {dn}\nobjectClass: person\ncn: {name}\nsn: {name}\n{more}\n").unwrap();
    }
    for person in PEOPLE.split(';') {
        let mut words = person.split_whitespace();
        let name = words.next().unwrap();
        text.push_str(&entry(name, &format!("{name}@example.com")));
        for manager in words {
            writeln!(text, "manager: {}", dn(manager)).unwrap();
        }
        text.push('\n');
    }
    for twin in ["twin-one", "twin-two", "twin-three"] {
        text.push_str(&entry(twin, "twin@example.com"));
        text.push('\n');
    }
    text
}

fn entry(name: &str, mail: &str) -> String {
    format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name} of LDAP\nsn: {name}\nmail: {mail}\n\
         employeeNumber: 512\n",
        dn(name)
    )
}

/// An authority, and a certificate for `localhost` that it signed.
fn certificates(folder: &std::path::Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("server.pem"), server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}
