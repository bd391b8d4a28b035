//! The marks that jobs leave of their bills, so that a later job about the same bill is told.
//!
//! A mark lies under a keyed hash of the bill's number, or of its image where no number was read.
//! Bills with other codes may have the same number: there are some places for each, and a job takes
//! the first free one. It writes there on condition that nothing is there, so that of two workers
//! one is first.

use super::checkpoints::Checkpoints;
use super::found_bill::{BillClaim, Claimant, OwnMark};
use super::sealed_objects::encoded;
use crate::domain::failure::Failure;
use crate::domain::seen_bill::{BillHashes, BillMark, MarkMeaning};
use crate::seal::KeyedHash;
use crate::store::WriteOutcome;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use std::time::Duration;

/// The most bills of one number that are told apart.
const PLACES: usize = 16;

/// The places of one bill, under one of the keys.
struct Places<'a> {
    checkpoints: &'a Checkpoints,
    hash: KeyedHash,
    /// The hash of what the bill is looked for by.
    key: String,
    bill: BillHashes,
    claimant: &'a Claimant<'a>,
    now: Timestamp,
    lookback: Duration,
}

impl Checkpoints {
    /// Looks for earlier jobs about the bill since `lookback`, and leaves a mark where there is
    /// none. While keys are exchanged that is done with both, each worker finding the other's.
    pub async fn claim_bill(
        &self,
        claimant: &Claimant<'_>,
        now: Timestamp,
        lookback: Duration,
    ) -> Result<BillClaim, Failure> {
        let mut places = Vec::new();
        for hash in self.objects.sealer().hashers() {
            let bill = claimant.bill.hashed(|kind, parts| hash.of(kind, parts));
            let by_image =
                (bill.number.is_none() || claimant.was_unread).then(|| bill.image.clone());
            for key in bill.number.clone().into_iter().chain(by_image) {
                let bill = bill.clone();
                places.push(Places {
                    checkpoints: self,
                    hash: hash.clone(),
                    key,
                    bill,
                    claimant,
                    now,
                    lookback,
                });
            }
        }
        let claims = try_join_all(places.iter().map(Places::claim)).await?;
        Ok(claims
            .into_iter()
            .fold(BillClaim::default(), BillClaim::found))
    }

    /// Writes the marks of this job anew.
    pub async fn keep_bill_marks(&self, claim: &BillClaim) -> Result<(), Failure> {
        let writes = claim
            .own
            .iter()
            .map(|own| self.objects.replace(&own.name, encoded(&own.mark)));
        try_join_all(writes).await.map(drop)
    }

    /// Leaves the mark, unless there is one: then that one is returned.
    async fn leave(
        &self,
        name: &str,
        mark: &BillMark,
        looks_first: bool,
    ) -> Result<Option<BillMark>, Failure> {
        let is_conditional = self.writes_on_condition().await;
        if (looks_first || !is_conditional)
            && let kept @ Some(_) = self.objects.found(name).await?
        {
            return Ok(kept);
        }
        let json = encoded(mark);
        if is_conditional {
            if self.objects.take(name, json.clone()).await? == WriteOutcome::New {
                return Ok(None);
            }
            if let kept @ Some(_) = self.objects.found(name).await? {
                return Ok(kept);
            }
        }
        // There is nothing, or what no worker of ours has written.
        self.objects.replace(name, json).await?;
        Ok(None)
    }
}

impl Places<'_> {
    async fn claim(&self) -> Result<BillClaim, Failure> {
        let (mut claim, mut expired) = (BillClaim::default(), None);
        let mark = BillMark::new(self.claimant.job_id, self.now, &self.bill);
        for number in 0..PLACES {
            let name = place_name(&self.key, number);
            let kept = if expired.is_none() {
                let looks_first = self.claimant.is_known;
                self.checkpoints.leave(&name, &mark, looks_first).await?
            } else {
                self.checkpoints.objects.found(&name).await?
            };
            let Some(kept) = kept else {
                match expired {
                    None => self.is_left(name, mark, &mut claim),
                    Some(expired) => self.take_over(expired, name, mark, &mut claim).await?,
                }
                return Ok(claim);
            };
            let meaning = self.meaning(&kept);
            if meaning == MarkMeaning::Expired {
                expired.get_or_insert((name, kept));
            } else if self.is_settled(&meaning, (name, kept), &mut claim) {
                return Ok(claim);
            }
        }
        tracing::debug!("too many bills have this number: the job leaves no mark of its own");
        Ok(claim)
    }

    /// Replaces a mark that is too old to count. The replacement has a name that follows from the
    /// old mark and is written on condition that it does not exist, so that one worker succeeds.
    async fn take_over(
        &self,
        (name, old): (String, BillMark),
        free: String,
        mark: BillMark,
        claim: &mut BillClaim,
    ) -> Result<(), Failure> {
        let heir = place_name(&self.hash.of("after", &[&name, &old.name()]), 0);
        match self.checkpoints.leave(&heir, &mark, false).await? {
            None => {}
            Some(kept) if self.meaning(&kept) == MarkMeaning::OwnMark => {}
            Some(kept) => {
                let meaning = self.meaning(&kept);
                if !self.is_settled(&meaning, (heir, kept), claim) {
                    // Another bill of this number has the place.
                    match self.checkpoints.leave(&free, &mark, false).await? {
                        None => self.is_left(free, mark, claim),
                        Some(kept) => {
                            let meaning = self.meaning(&kept);
                            self.is_settled(&meaning, (free, kept), claim);
                        }
                    }
                }
                return Ok(());
            }
        }
        let objects = &self.checkpoints.objects;
        objects.replace(&name, encoded(&mark)).await?;
        self.is_left(name, mark, claim);
        Ok(())
    }

    fn is_left(&self, name: String, mark: BillMark, claim: &mut BillClaim) {
        let hash = self.hash.clone();
        claim.own.push(OwnMark { hash, name, mark });
    }

    /// Adds to the claim what a mark means, and says whether nothing is left to be looked for.
    fn is_settled(
        &self,
        meaning: &MarkMeaning,
        (name, mark): (String, BillMark),
        claim: &mut BillClaim,
    ) -> bool {
        match meaning {
            MarkMeaning::OwnMark => {
                self.is_left(name, mark, claim);
                true
            }
            MarkMeaning::SameBill(by) => {
                claim.earlier.add(&mark, *by);
                let is_the_bill = !mark.may_be_replaced(*by);
                claim.others.push((self.hash.clone(), mark));
                is_the_bill
            }
            MarkMeaning::OtherBill => {
                claim.others.push((self.hash.clone(), mark));
                false
            }
            MarkMeaning::Expired => false,
        }
    }

    fn meaning(&self, mark: &BillMark) -> MarkMeaning {
        mark.meaning(self.claimant.job_id, &self.bill, self.now, self.lookback)
    }
}

fn place_name(key: &str, number: usize) -> String {
    format!("seen/{key}-{number}.json")
}
