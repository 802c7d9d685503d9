//! The configured directory, put together. Only a file is read at once; no server is asked.

use std::sync::Arc;

use super::{AssemblyError, World};
use crate::config::{self, Config, DirectorySource, FileForm};
use crate::directory::{
    Attributes, Directory, File, FileFaults, GitLabFile, Handbook, Inactive, Ldap, LdapSettings, Parts,
    RepositorySettings, Scim, ScimSettings,
};
use crate::reader::Fault;
use crate::store::Store;
use crate::vendors::gitlab::GitLab;

pub(super) async fn directory(
    config: &Config,
    world: &World,
    (store, gitlab): (&Store, &GitLab),
) -> Result<Directory, AssemblyError> {
    let clock = world.clock.clone();
    let cache_for = config.directory.cache_for;
    let parts =
        Parts { gitlab: gitlab.clone(), pins: Arc::new(store.clone()), clock: clock.clone(), cache_for };
    let directory = match config.directory.source.clone() {
        DirectorySource::File(path) => {
            let file = File::load(path, clock).await;
            Directory::File(file.map_err(AssemblyError::Directory)?)
        }
        DirectorySource::GitLabFile(config::GitLabFile { project, path, branch, form }) => {
            let settings = RepositorySettings { project, path, branch };
            match form {
                FileForm::Plain => {
                    Directory::GitLabFile(GitLabFile::new(gitlab.clone(), settings, (clock, cache_for)))
                }
                FileForm::Handbook { address } => {
                    Directory::Resolved(Handbook::resolver(settings, address, parts))
                }
            }
        }
        DirectorySource::Ldap(config) => {
            let resolver = Ldap::resolver(ldap(config), parts).map_err(|error| {
                let key = "directory.ldap.ca_file".to_owned();
                AssemblyError::Directory(FileFaults(vec![Fault { key, message: error.to_string() }]))
            });
            Directory::Resolved(resolver?)
        }
        DirectorySource::Scim(config::Scim { url, token, username, email }) => {
            let settings = ScimSettings { url, token, username, email };
            Directory::Resolved(Scim::resolver(world.transport.for_account(&world.clock), settings, parts))
        }
    };
    Ok(directory)
}

fn ldap(config: config::Ldap) -> LdapSettings {
    let inactive = config.inactive.map(|config::Inactive { attribute, value }| match value.parse() {
        Ok(mask) => Inactive::Bits { attribute, mask },
        Err(_) => Inactive::Value { attribute, value },
    });
    LdapSettings {
        url: config.url,
        start_tls: config.start_tls,
        authorities: config.authorities,
        bind_dn: config.bind_dn,
        password: config.password,
        base: config.base,
        attributes: Attributes {
            username: config.username,
            mail: config.mail,
            manager: config.manager,
            name: config.name,
            inactive,
        },
        timeout: config.timeout,
    }
}
