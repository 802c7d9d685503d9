//! Everybody who provisions an instance: the people of its list, and the members of its groups.
//!
//! For telling and asking them. Whether a label counts is never decided by this: then the one person who put it on is
//! asked for.

use std::collections::BTreeSet;

use super::context::Context;
use crate::domain::ids::UserId;
use crate::domain::policy::Instance;
use crate::vendors::VendorError;

/// Of larger groups no more are told one by one: they are named in the issue as well.
const MOST: usize = 50;

/// The people of the list first, then the members of the groups; each once.
pub(super) async fn of(context: &Context, instance: &Instance) -> Result<Vec<UserId>, VendorError> {
    let mut people = instance.provisioners.clone();
    people.extend(of_groups(context, instance).await?);
    let mut seen = BTreeSet::new();
    people.retain(|person| seen.insert(*person));
    Ok(people)
}

/// The members of the groups who are active and not ourselves.
pub(super) async fn of_groups(context: &Context, instance: &Instance) -> Result<Vec<UserId>, VendorError> {
    if instance.provisioner_groups.is_empty() {
        return Ok(Vec::new());
    }
    let ourselves = context.ourselves().await?;
    let now = context.now();
    let mut people = Vec::new();
    for group in &instance.provisioner_groups {
        let members = context.gitlab.group_members(group).await?;
        people.extend(
            members.into_iter().filter(|(_, member)| member.is_in_force(now)).map(|(person, _)| person),
        );
    }
    people.retain(|person| *person != ourselves);
    people.sort_unstable();
    people.dedup();
    people.truncate(MOST);
    Ok(people)
}
