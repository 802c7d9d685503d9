//! The seals of our comments: where the chain stands, and a code that only whoever has the audit key can compute.

use super::Store;
use super::error::StoreError;
use crate::domain::comment::{Reader, Seal, Writer};
use crate::domain::ids::IssueKey;

impl Store {
    /// A seal for a comment on this issue, as of now.
    pub async fn seal(&self, issue: IssueKey) -> Result<Seal, StoreError> {
        let head = self.head().await?;
        let installation = self.installation().to_owned();
        let seal = Seal { installation, sequence: head.seq, head: head.hash, code: None };
        Ok(self.coded(issue, seal))
    }

    /// A seal with the code that this installation gives it on this issue.
    pub fn coded(&self, issue: IssueKey, seal: Seal) -> Seal {
        let code = self.inner.chain.seal_code(issue, &seal);
        Seal { code: Some(code), ..seal }
    }

    /// Who wrote a seal that was found on this issue. `coded`: a comment with a code was written there before.
    pub async fn writer_of(&self, issue: IssueKey, seal: &Seal, coded: bool) -> Result<Writer, StoreError> {
        let (installation, sequence) = (self.installation(), self.head().await?.seq);
        let code = &self.inner.chain.seal_code(issue, seal);
        Ok(seal.writer(Reader { installation, sequence, code, coded }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{entry, key, on_both};

    #[tokio::test]
    async fn a_seal_is_ours_on_its_own_issue_alone_and_unchanged() {
        on_both(async |bench| {
            let earlier = bench.beside().await;
            let ahead =
                async |issue, seal: &Seal| bench.store.writer_of(key(issue), seal, true).await.unwrap();
            let seal = bench.store.seal(key(1)).await.unwrap();
            assert_eq!(ahead(1, &seal).await, Writer::NotAhead);
            // Nobody else can tell what we would write a moment later.
            let later = bench.store.coded(key(1), Seal { sequence: seal.sequence + 5, ..seal.clone() });
            assert_eq!(ahead(1, &later).await, Writer::Later);
            for forged in [
                Seal { sequence: later.sequence + 1, ..later.clone() },
                Seal { head: "ab".repeat(32), ..later.clone() },
                Seal { code: seal.code.clone(), ..later.clone() },
                Seal { code: None, ..later.clone() },
            ] {
                assert_eq!(ahead(1, &forged).await, Writer::Forger, "{forged:?}");
            }
            assert_eq!(ahead(2, &later).await, Writer::Forger, "copied from another issue");
            assert_eq!(ahead(1, &earlier.store.seal(key(1)).await.unwrap()).await, Writer::Another);
            for number in 0..5 {
                bench.store.append(vec![entry("x", number)]).await.unwrap();
            }
            assert_eq!(ahead(1, &later).await, Writer::NotAhead);
        })
        .await;
    }
}
