//! Files of a repository: one branch, no history.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::access::{self, MAINTAINER, REPORTER, Seat, missing, not_found, refusal};
use super::{Desk, branches, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::world::{Project, StoredFile};

/// Routes below `/projects/:id/repository/files/:path`.
pub(crate) fn route(desk: &mut Desk<'_>, seat: Seat, (path, rest): (&str, &[&str])) -> Reply {
    access::require(seat, REPORTER)?;
    match (desk.call.method.as_str(), rest) {
        ("GET", []) => show(desk, seat, path),
        ("HEAD", []) => show(desk, seat, path).map(|mut answer| {
            answer.body.clear();
            answer
        }),
        ("GET", ["raw"]) => {
            let (file, _) = find(desk, seat, path)?;
            Ok(Answer::text(200, "text/plain; charset=utf-8", file.content))
        }
        ("POST", []) => write(desk, seat, (path, true)),
        ("PUT", []) => write(desk, seat, (path, false)),
        _ => Err(unknown()),
    }
}

fn project<'d>(desk: &'d Desk<'_>, seat: Seat) -> Result<&'d Project, Answer> {
    desk.world.gitlab.projects.get(&seat.project).ok_or_else(|| not_found("Project"))
}

fn find(desk: &Desk<'_>, seat: Seat, path: &str) -> Result<(StoredFile, String), Answer> {
    let project = project(desk, seat)?;
    let reference = desk.call.text("ref").unwrap_or_else(|| "HEAD".to_owned());
    if !branches::is_present(project, &reference) {
        return Err(not_found("Commit"));
    }
    let file = project.files.get(path).cloned().ok_or_else(|| not_found("File"))?;
    Ok((file, reference))
}

fn show(desk: &Desk<'_>, seat: Seat, path: &str) -> Reply {
    let (file, reference) = find(desk, seat, path)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let (sum, blob) =
        (hexadecimal(&file.content), &hexadecimal(&[b"blob ", &file.content[..]].concat())[..40]);
    let answer = Answer::ok(&json!({
        "file_name": name, "file_path": path, "size": file.content.len(), "encoding": "base64",
        "content": STANDARD.encode(&file.content), "content_sha256": sum, "ref": reference, "blob_id": blob,
        "commit_id": file.commit, "last_commit_id": file.commit, "execute_filemode": false,
    }));
    Ok(answer
        .with("x-gitlab-blob-id", blob)
        .with("x-gitlab-commit-id", &file.commit)
        .with("x-gitlab-content-sha256", &sum)
        .with("x-gitlab-encoding", "base64")
        .with("x-gitlab-file-name", name)
        .with("x-gitlab-file-path", path)
        .with("x-gitlab-last-commit-id", &file.commit)
        .with("x-gitlab-ref", reference)
        .with("x-gitlab-size", file.content.len())
        .with("x-gitlab-execute-filemode", false))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits =
        |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
    Sha256::digest(bytes).iter().flat_map(digits).collect()
}

/// The default branch is protected: Maintainers only.
fn write(desk: &mut Desk<'_>, seat: Seat, (path, create): (&str, bool)) -> Reply {
    access::require(seat, MAINTAINER)?;
    let call = desk.call;
    let branch = call.text("branch").ok_or_else(|| missing("branch"))?;
    call.text("commit_message").ok_or_else(|| missing("commit_message"))?;
    let content = call.text("content").ok_or_else(|| missing("content"))?;
    let content = match call.text("encoding").as_deref() {
        Some("base64") => {
            STANDARD.decode(content.replace('\n', "")).map_err(|_| refusal(400, "invalid base64"))?
        }
        _ => content.into_bytes(),
    };
    let project = project(desk, seat)?;
    if branch != project.default_branch {
        return Err(refusal(400, "You can only create or edit files when you are on a branch"));
    }
    match (create, project.files.contains_key(path)) {
        (true, true) => return Err(refusal(400, "A file with this name already exists")),
        (false, false) => return Err(refusal(400, "A file with this name doesn't exist")),
        _ => {}
    }
    let commit = hexadecimal(desk.world.random_text(16).as_bytes())[..40].to_owned();
    if let Some(project) = desk.world.gitlab.projects.get_mut(&seat.project) {
        project.head.clone_from(&commit);
        project.files.insert(path.to_owned(), StoredFile { content, commit });
    }
    Ok(Answer::json(if create { 201 } else { 200 }, &json!({"file_path": path, "branch": branch})))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_file_is_made_once_by_a_maintainer_and_read_by_reporters() {
        let stage = Stage::set().await;
        let path = "repository/files/%2Egitlab%2Fissue_templates%2FA.md";
        let file =
            json!({"branch": "main", "content": "aGk=", "encoding": "base64", "commit_message": "add"});
        assert_eq!(stage.gitlab("manager", ("POST", path), file.clone()).await.status, 403);
        let seen = stage.gitlab("maintainer", ("POST", path), file.clone()).await;
        assert_eq!(seen.body, json!({"file_path": ".gitlab/issue_templates/A.md", "branch": "main"}));
        assert_eq!(stage.gitlab("maintainer", ("POST", path), file).await.status, 400);
        let seen = stage.gitlab("bot", ("GET", &format!("{path}?ref=main")), Value::Null).await;
        assert_eq!(seen.body["content"], "aGk=");
        let seen = stage.gitlab("bot", ("HEAD", &format!("{path}?ref=main")), Value::Null).await;
        assert_eq!((seen.status, &seen.headers["x-gitlab-size"]), (200, &"2".parse().unwrap()));
        assert_eq!(stage.gitlab("guest", ("GET", path), Value::Null).await.status, 403);
    }
}
