//! Watched projects, their pinned labels, and how far each was swept.
//!
//! A label is pinned by its numeric id, because a title can be given to another label. Only [`Store::pin_labels`]
//! changes a pin, never setting the project up again: a changed label stops issuing until a person pins anew.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Query, Row, query};
use crate::domain::ids::{LabelId, ProjectId};
use crate::domain::policy::{Pin, Pins};

/// A project to be watched from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// Its numeric id.
    pub id: ProjectId,
    /// Its present path, for people.
    pub path: String,
    /// Its labels; of no effect on a project that was set up before.
    pub pins: Pins,
}

/// A watched project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its numeric id.
    pub id: ProjectId,
    /// Its path, as last set up.
    pub path: String,
    /// The first time it was set up: older issues are no requests.
    pub set_up_at: Timestamp,
    /// Its labels.
    pub pins: Pins,
    /// Issues changed before this, by GitLab's clock, were seen; none before the first sweep.
    pub swept_to: Option<Timestamp>,
    /// When the last sweep ended, by ours.
    pub swept_at: Option<Timestamp>,
    /// How often a sweep was asked for since the last one.
    pub sweep_wanted: i64,
}

impl Store {
    /// Watches a project. Of one that was set up before only the path changes; pins and first time stay.
    pub async fn set_up_project(&self, project: NewProject) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query(
                    "INSERT INTO projects (id, manager_label_id, manager_label_name,
                         provisioner_label_id, provisioner_label_name, denied_label_id, denied_label_name,
                         revoke_label_id, revoke_label_name, path, set_up_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                     ON CONFLICT (id) DO UPDATE SET path = excluded.path",
                );
                bind(query, project.id, project.pins)
                    .bind(project.path)
                    .bind(now)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        work.await
    }

    /// A person pins the labels anew. An error if the project was never set up.
    pub async fn pin_labels(&self, project: ProjectId, pins: Pins) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                let query = query(
                    "UPDATE projects SET manager_label_id = $2, manager_label_name = $3,
                         provisioner_label_id = $4, provisioner_label_name = $5,
                         denied_label_id = $6, denied_label_name = $7,
                         revoke_label_id = $8, revoke_label_name = $9
                     WHERE id = $1",
                );
                match bind(query, project, pins).execute(connection).await? {
                    1 => Ok(()),
                    _ => Err(unknown(project)),
                }
            })
        });
        work.await
    }

    /// All watched projects, by id.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let rows = query(concat!("SELECT ", columns!(projects), " FROM projects ORDER BY id"))
            .fetch_all(&self.inner.read)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Projects a sweep was asked for and not made since.
    pub async fn sweep_wanted(&self) -> Result<Vec<Project>, StoreError> {
        let rows = query(concat!(
            "SELECT ",
            columns!(projects),
            " FROM projects WHERE sweep_wanted > 0 ORDER BY id"
        ))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }
}

/// The project is `$1`, its pins are `$2` to `$9`.
fn bind(query: Query, project: ProjectId, pins: Pins) -> Query {
    let (denied_id, denied_name) = pins.denied.map(|pin| (pin.id.0, pin.name)).unzip();
    let (revoke_id, revoke_name) = pins.revoke.map(|pin| (pin.id.0, pin.name)).unzip();
    query
        .bind(project.0)
        .bind(pins.manager.id.0)
        .bind(pins.manager.name)
        .bind(pins.provisioner.id.0)
        .bind(pins.provisioner.name)
        .bind(denied_id)
        .bind(denied_name)
        .bind(revoke_id)
        .bind(revoke_name)
}

fn read(row: &Row) -> Result<Project, StoreError> {
    let reading = Reading::new(row, "projects");
    let pin = |id, name| Ok::<_, StoreError>(Pin { id: LabelId(reading.get(id)?), name: reading.get(name)? });
    let optional = |id, name| match reading.get::<Option<i64>>(id)? {
        Some(_) => pin(id, name).map(Some),
        None => Ok(None),
    };
    Ok(Project {
        id: ProjectId(reading.get("id")?),
        path: reading.get("path")?,
        set_up_at: reading.time("set_up_at")?,
        pins: Pins {
            manager: pin("manager_label_id", "manager_label_name")?,
            provisioner: pin("provisioner_label_id", "provisioner_label_name")?,
            denied: optional("denied_label_id", "denied_label_name")?,
            revoke: optional("revoke_label_id", "revoke_label_name")?,
        },
        swept_to: reading.time_if_any("swept_to")?,
        swept_at: reading.time_if_any("swept_at")?,
        sweep_wanted: reading.get("sweep_wanted")?,
    })
}

fn unknown(project: ProjectId) -> StoreError {
    StoreError::Inconsistent {
        table: "projects",
        key: project.to_string(),
        what: "the project was never set up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::store::testing::on_both;

    fn pins(first: i64) -> Pins {
        let pin = |id: i64| Pin { id: LabelId(id), name: format!("label {id}") };
        Pins {
            manager: pin(first),
            provisioner: pin(first + 1),
            denied: Some(pin(first + 2)),
            revoke: Some(pin(first + 3)),
        }
    }

    fn project(path: &str, pins: Pins) -> NewProject {
        NewProject { id: ProjectId(7), path: path.to_owned(), pins }
    }

    #[tokio::test]
    async fn setting_up_again_keeps_the_first_time_and_the_pins() {
        on_both(async |bench| {
            bench.store.set_up_project(project("old", pins(1))).await.unwrap();
            let first = bench.now();
            bench.clock.advance(SignedDuration::from_hours(1));
            bench.store.set_up_project(project("new", pins(9))).await.unwrap();
            let stored = bench.store.projects().await.unwrap().remove(0);
            assert_eq!((stored.path.as_str(), stored.set_up_at), ("new", first));
            assert_eq!(stored.pins, pins(1));
            assert_eq!(stored.swept_to, None);
        })
        .await;
    }

    #[tokio::test]
    async fn pins_change_when_a_person_pins() {
        on_both(async |bench| {
            assert!(bench.store.pin_labels(ProjectId(7), pins(1)).await.is_err());
            bench.store.set_up_project(project("path", pins(1))).await.unwrap();
            let without = Pins { denied: None, revoke: None, ..pins(4) };
            bench.store.pin_labels(ProjectId(7), without.clone()).await.unwrap();
            assert_eq!(bench.store.projects().await.unwrap()[0].pins, without);
        })
        .await;
    }
}
