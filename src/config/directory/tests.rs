//! The sources of people as an operator configures them.

use super::super::tests::{LEAST, load_with, variables};
use super::*;

/// What is told when `[directory]` reads so, with the directories' own secrets in variables.
fn read(section: &str) -> Result<Directory, Vec<String>> {
    read_with(section, &[("COUNTERSIGN_LDAP_PASSWORD", "with spaces"), ("COUNTERSIGN_SCIM_TOKEN", "bearer")])
}

fn read_with(section: &str, secrets: &[(&'static str, &str)]) -> Result<Directory, Vec<String>> {
    let text = LEAST.replace("file = \"directory.toml\"", section);
    assert_ne!(text, LEAST);
    let mut variables = variables();
    variables.extend(secrets.iter().map(|(name, value)| (*name, (*value).to_owned())));
    load_with(&text, variables).map(|(config, _)| config.directory)
}

fn faults(section: &str) -> Vec<String> {
    read(section).err().unwrap_or_default()
}

const LDAP: &str =
    "kind = 'ldap'\n[directory.ldap]\nurl = 'ldaps://ldap.example.com'\nbind_dn = 'cn=us'\nbase = 'dc=x'\n";
const SCIM: &str = "kind = 'scim'\n[directory.scim]\nurl = 'https://scim.example.com/v2'\n";
const REPOSITORY: &str =
    "kind = 'gitlab_file'\n[directory.gitlab_file]\nproject = 7\npath = 'data/team.yml'\n";

#[test]
fn each_kind_needs_little_and_takes_its_defaults() {
    let DirectorySource::Ldap(ldap) = read(LDAP).unwrap().source else { panic!("ldap") };
    let names = [&ldap.username, &ldap.mail, &ldap.manager, &ldap.name];
    assert_eq!(names, ["uid", "mail", "manager", "cn"]);
    assert_eq!((ldap.password.expose(), ldap.start_tls, ldap.inactive), ("with spaces", false, None));
    assert_eq!(ldap.timeout.as_secs(), 10);
    let DirectorySource::Scim(scim) = read(SCIM).unwrap().source else { panic!("scim") };
    assert_eq!((scim.username.as_str(), scim.email.as_str()), ("userName", "emails.value"));
    let DirectorySource::GitLabFile(file) = read(REPOSITORY).unwrap().source else { panic!("a repository") };
    assert_eq!((file.branch.as_str(), file.form), ("main", FileForm::Plain));
}

#[test]
fn what_belongs_to_another_kind_is_checked_and_not_used() {
    let section = format!("file = 'people.yaml'\n{}", LDAP.replace("kind = 'ldap'", "kind = 'file'"));
    assert!(matches!(read(&section).unwrap().source, DirectorySource::File(_)));
    let faults = faults(&section.replace("base", "bass"));
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn an_empty_password_is_refused_before_anybody_is_asked() {
    for empty in ["", " ", "\n"] {
        let faults = read_with(LDAP, &[("COUNTERSIGN_LDAP_PASSWORD", empty)]).unwrap_err();
        let expected = "directory.ldap.password_file: COUNTERSIGN_LDAP_PASSWORD is set, but is empty";
        assert_eq!(faults, [expected], "{empty:?}");
    }
    let faults = read_with(LDAP, &[]).unwrap_err();
    assert!(
        faults[0].starts_with("directory.ldap.password_file: is missing: set COUNTERSIGN_LDAP_PASSWORD,")
    );
}

#[test]
fn a_password_goes_over_tls_or_nowhere() {
    for fine in [
        "url = 'ldaps://ldap.example.com:3269'",
        "url = 'ldap://ldap.example.com'\nstart_tls = true",
        "url = 'ldap://127.0.0.1:389'",
        "url = 'ldap://localhost'",
        "url = 'ldap://[::1]'",
    ] {
        let section = LDAP.replace("url = 'ldaps://ldap.example.com'", fine);
        assert_eq!(faults(&section), [""; 0], "{fine}");
    }
    for bad in [
        "url = 'ldap://ldap.example.com'",
        "url = 'ldap://10.0.0.1'",
        "url = 'ldap://localhost.example.com'",
        "url = 'ldapi://%2Frun%2Fslapd'",
        "url = 'https://ldap.example.com'",
        "url = 'ldaps://'",
        "url = 'ldaps:ldap.example.com'",
        "url = 'ldaps://me:secret@ldap.example.com'",
        "url = 'ldaps://ldap.example.com/dc=x'",
        "url = 'ldaps://ldap.example.com?uid'",
        "url = 'ldaps://ldap.example.com'\nstart_tls = true",
    ] {
        let faults = faults(&LDAP.replace("url = 'ldaps://ldap.example.com'", bad));
        assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
        assert!(faults[0].starts_with("directory.ldap.url: ") && !faults[0].contains("secret"), "{faults:?}");
    }
}

#[test]
fn each_mistake_is_told_with_its_key() {
    for (section, more, expected) in [
        (
            "kind = 'ldpa'\n",
            "",
            "directory.kind: must be \"file\" or \"gitlab_file\" or \"ldap\" or \"scim\"",
        ),
        ("kind = 'file'\n", "", "directory.file: is missing"),
        (LDAP, "username = 'uid)('", "directory.ldap.username: is not the name of an attribute"),
        (LDAP, "ca_file = 'none.pem'", "directory.ldap.ca_file: the file "),
        (LDAP, "timeout = '1m'", "directory.ldap.timeout: must be at most 20s"),
        (LDAP, "timeout = 'soon'", "directory.ldap.timeout: is not a time span"),
        (LDAP, "inactive_value = '2'", "directory.ldap.inactive_attribute: goes with inactive_value"),
        (SCIM, "username = 'user name'", "directory.scim.username: is not the name of a simple attribute"),
        (SCIM, "email = 'emails[type eq 1]'", "directory.scim.email: is not the name of a simple attribute"),
        (REPOSITORY, "form = 'team'", "directory.gitlab_file.form: must be \"plain\" or \"handbook\""),
        (
            REPOSITORY,
            "address = 'all@example.com'",
            "directory.gitlab_file.address: must be an e-mail address with",
        ),
        (
            REPOSITORY,
            "address = '{name}@{slug}'",
            "directory.gitlab_file.address: must be an e-mail address with",
        ),
    ] {
        let faults = faults(&format!("{section}{more}\n"));
        assert_eq!(faults.len(), 1, "{more}: {faults:?}");
        assert!(faults[0].starts_with(expected), "{more}: {faults:?}");
    }
    for (from, to, expected) in [
        ("'data/team.yml'", "'data/team.toml'", "directory.gitlab_file.path: must be a path"),
        (
            "project = 7",
            "project = 'company/people'",
            "directory.gitlab_file.project: must be a whole number",
        ),
        ("project = 7\n", "", "directory.gitlab_file.project: is missing"),
    ] {
        let faults = faults(&REPOSITORY.replace(from, to));
        assert_eq!(faults.len(), 1, "{to}: {faults:?}");
        assert!(faults[0].starts_with(expected), "{to}: {faults:?}");
    }
    assert!(
        faults(&SCIM.replace("https", "http"))[0].starts_with("directory.scim.url: must begin with https://")
    );
}
