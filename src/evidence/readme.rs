//! The first page of an archive: what happened, in a few lines, and how to prove each of them.

use serde_json::Value;

use super::archive::detail;
use crate::domain::ids::IssueKey;
use crate::store::StoredEntry;

const PAGE: &str = "\
Evidence of one access request, made by countersign
===================================================

WHAT HAPPENED

{facts}
WHAT IS IN HERE

  timeline.txt            every entry of the audit chain about this request: number, time (UTC), what, who
  approvals/NUMBER-ROLE/  one folder for each approval that counted, named after its entry:
    form.md                 the request's form as it read when the approval was bound (up to 16 KiB; form.json has the
                            hash and the length of the whole)
    terms.json              what was approved: kind, instance, name, scopes, end, for whom, every field, the policy
    terms.canonical.json    the same, to the byte as it was hashed; its SHA-256 is the digest in approval.json
    approval.json           the label event, who, when, the digest, and on whose authority: source, value, when read
    label-events.json       the issue's label events as GitLab gave them
    directory.json          the directory's answer: for whom, and who their manager is
    account.json            the approver's account and role then, and the form's last edit
  refusals.json           labels that did not count or no longer did, faults of the form, doubts
  mint.json               every attempt to make a credential: intent, result, its number at Zendesk; never a secret
  delivery.json           the hand-over by Slack: message and time
  end.json                the end: who ordered it, each step, and the proof that it was looked for and was gone
  phases.json             where the request stood, and since when
  entries.jsonl           all these entries as they stand in the chain, with their hashes
  MANIFEST.sha256         SHA-256 of every file, against damage alone: sha256sum --check MANIFEST.sha256

HOW IT IS PROVEN

  Each entry's hash is made with a key that the database does not have, over its content and the hash before it.

    countersign audit verify --evidence THIS.tar --key-file audit.key

  proves that every entry is as it was written and every file is what these entries make. It cannot tell whether an entry
  was left out: with a copy of the database (--database COPY.db) it proves that all of this issue are here, and against
  the heads that the comments of the issues publish that the chain is whole (countersign audit verify --head). Names are shown as they were then; people are compared by their numbers at GitLab.
";

/// The page, with what the entries tell.
pub(super) fn readme(key: IssueKey, entries: &[StoredEntry]) -> String {
    let facts = [format!("issue {key}")].into_iter().chain(entries.iter().filter_map(fact));
    let facts: Vec<String> = facts.map(|fact| format!("  {fact}\n")).collect();
    PAGE.replace("{facts}", &facts.concat())
}

/// What one entry means for the story as a whole, if it is a part of it.
fn fact(entry: &StoredEntry) -> Option<String> {
    let detail = detail(entry);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let evidence = &detail["evidence"];
    let what = match entry.kind.as_str() {
        "request.seen" => {
            format!("first seen; {}, by GitLab user {}", text(&detail["url"]), detail["author"])
        }
        "approval.bound" => format!(
            "approved as {} by {} (GitLab user {}), terms {}",
            text(&detail["role"]),
            text(&evidence["username"]),
            evidence["actor"],
            text(&evidence["digest"])
        ),
        "approval.voided" => format!("approval as {} no longer counts", text(&detail["role"])),
        "mint.made" => format!("credential {} made at Zendesk", text(&detail["credential"])),
        "delivery.sent" | "delivery.found" => "handed over by Slack".to_owned(),
        "order.taken" => format!("ordered by {}: {}", text(&detail["by"]), text(&detail["kind"])),
        "credential.switched_off" => {
            format!(
                "credential {} proven switched off: it opens nothing any more",
                text(&detail["credential"])
            )
        }
        "credential.gone" => format!("credential {} proven gone", text(&detail["credential"])),
        _ => return None,
    };
    Some(format!("{:.0}  {what} (entry {})", entry.time(), entry.seq))
}
