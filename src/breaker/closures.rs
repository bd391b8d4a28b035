//! What is closed, until when, and who may try first. Pure: the hours it is about are arguments.
//!
//! A place is closed by a failure under its scope, or paused for this worker alone. When its time
//! has come one call is let through, the probe; the others follow its answer. Each worker has a
//! copy of what is closed, and copies are merged from heartbeats: of two entries for a place the
//! newer version holds, and of two equally new ones that of the lower worker id, so that all copies
//! agree. A pause belongs to one worker: it is in no heartbeat, and none is taken over.

#[cfg(test)]
mod tests;

use super::closure::{Cause, Closure, Entry, Probing, Queue, State};
use crate::cluster::peers::Peers;
use crate::domain::failure::Stage;
use crate::domain::scope::Scope;
use crate::telemetry::health::Paused;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// While a probe is on its way the others wait so long, and ask again; longer if it takes long,
/// because there may be thousands.
const PROBE_WAIT: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PROBE_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// Pauses that are over are remembered for jobs that slept through them.
const MAX_PAUSES: usize = 100;

#[derive(Clone, Debug, Default)]
pub struct Closures {
    pub(super) entries: BTreeMap<Scope, Entry>,
    /// Those that are over, from when until when.
    pauses: VecDeque<(Timestamp, Timestamp)>,
}

/// What keeps a call from being made.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    pub place: Scope,
    pub stage: Stage,
    pub code: String,
    /// To be parked, uncharged, until then.
    pub until: Timestamp,
    /// Before then nobody calls, as far as is known.
    pub opens: Timestamp,
    /// Somebody else's call is about to open it: not worth telling anybody.
    pub brief: bool,
}

/// For the log, the metrics and those who wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Closed(Scope, Closure),
    /// A probe failed: what it was closed for, and is now.
    Prolonged(Scope, Closure, Closure),
    /// With what it had been closed for.
    Opened(Scope, Closure),
}

impl Closures {
    /// The first thing that keeps a call at these places from being made, a pause before all
    /// others.
    pub fn look(&self, places: &[Scope], peers: &Peers, now: Timestamp) -> Option<Blocked> {
        let barriers = places
            .iter()
            .filter_map(|place| self.barrier(place, peers, now));
        barriers.max_by_key(|barrier| (barrier.place.is_pause(), barrier.until))
    }

    /// Lets a run's call through; answers the places that it probes. They are this worker's until
    /// it concludes.
    pub fn admit(
        &mut self,
        places: &[Scope],
        run: &str,
        peers: &Peers,
        now: Timestamp,
    ) -> Result<Vec<Scope>, Blocked> {
        if let Some(barrier) = self
            .look(places, peers, now)
            .or_else(|| self.stand_back(places, run, now))
        {
            self.others_wait(&barrier, run);
            return Err(barrier);
        }
        let probed: Vec<Scope> = places
            .iter()
            .filter(|place| self.closure(place).is_some())
            .cloned()
            .collect();
        for place in &probed {
            self.change(place, peers, now, |closure| {
                closure.probing = Some(Probing {
                    by: peers.me().to_owned(),
                    since: now,
                });
            });
        }
        Ok(probed)
    }

    /// Somebody waits for the place.
    pub fn others_wait(&mut self, barrier: &Blocked, run: &str) {
        if let Some(Entry {
            state: State::Closed(closure),
            ..
        }) = self.entries.get_mut(&barrier.place)
        {
            closure.queue.others_wait |= closure.queue.run != run;
        }
    }

    /// A stage may fail because of what one job brings. Where others wait, the job that closed it
    /// lets them go first, once.
    fn stand_back(&mut self, places: &[Scope], run: &str, now: Timestamp) -> Option<Blocked> {
        let place = places.iter().find(|place| {
            let stands_back =
                |queue: &Queue| queue.run == run && queue.others_wait && !queue.stood_back;
            matches!(place, Scope::Stage(_))
                && self
                    .closure(place)
                    .is_some_and(|closure| stands_back(&closure.queue))
        })?;
        let Some(Entry {
            state: State::Closed(closure),
            ..
        }) = self.entries.get_mut(place)
        else {
            return None;
        };
        closure.queue.stood_back = true;
        let (stage, code) = (closure.stage, closure.code.clone());
        let until = later(now, PROBE_WAIT);
        Some(Blocked {
            place: place.clone(),
            stage,
            code,
            until,
            opens: until,
            brief: true,
        })
    }

    /// Is the place still this worker's to probe? Another one may have come first.
    pub fn is_probed_by(&self, place: &Scope, worker: &str) -> bool {
        self.closure(place)
            .and_then(|closure| closure.probing.as_ref())
            .is_some_and(|probing| probing.by == worker)
    }

    /// The probe proved nothing: the next call may try.
    pub fn release(&mut self, place: &Scope, peers: &Peers, now: Timestamp) {
        if self.is_probed_by(place, peers.me()) {
            self.change(place, peers, now, |closure| closure.probing = None);
        }
    }

    /// A call failed under the scope of this place. Only what was open is closed by it, or what it
    /// probed: calls that were in the air when the place was closed tell nothing new.
    ///
    /// `until` is told how many calls have failed, with this one.
    pub fn close(
        &mut self,
        place: &Scope,
        cause: &Cause,
        until: impl FnOnce(u32) -> Timestamp,
        peers: &Peers,
    ) -> Option<Change> {
        let before = self.closure(place).cloned();
        let is_probe = cause.is_probe && self.is_probed_by(place, peers.me());
        if before.is_some() && !is_probe {
            return None;
        }
        let Cause {
            stage,
            code,
            reason,
            streak,
            run,
            is_probe: _,
            now,
        } = cause.clone();
        let failures = before
            .as_ref()
            .map_or(0, |closure| closure.failures)
            .saturating_add(1);
        let since = before.as_ref().map_or(now, |closure| closure.since);
        let closure = Closure {
            stage,
            code,
            reason,
            streak,
            since,
            until: until(failures),
            failures,
            probing: None,
            queue: Queue {
                run,
                ..Queue::default()
            },
        };
        self.set(place, peers, State::Closed(closure.clone()), now);
        self.forget_the_least(now);
        Some(match before {
            None => Change::Closed(place.clone(), closure),
            Some(before) => Change::Prolonged(place.clone(), before, closure),
        })
    }

    /// What was to open the place beside the jobs failed as well.
    pub fn prolong(
        &mut self,
        place: &Scope,
        until: impl FnOnce(u32) -> Timestamp,
        peers: &Peers,
        now: Timestamp,
    ) -> Option<Change> {
        let before = self.closure(place)?.clone();
        let failures = before.failures.saturating_add(1);
        let closure = Closure {
            failures,
            until: until(failures),
            ..before.clone()
        };
        self.set(place, peers, State::Closed(closure.clone()), now);
        Some(Change::Prolonged(place.clone(), before, closure))
    }

    /// A good answer, or one that has nothing to do with what it was closed for.
    pub fn open(&mut self, place: &Scope, peers: &Peers, now: Timestamp) -> Option<Change> {
        let closure = self.closure(place)?.clone();
        self.set(place, peers, State::Open { since: now }, now);
        self.opened(place, &closure, now);
        Some(Change::Opened(place.clone(), closure))
    }

    /// Why the place is closed, if it is.
    pub fn closure(&self, place: &Scope) -> Option<&Closure> {
        match &self.entries.get(place)?.state {
            State::Closed(closure) => Some(closure),
            State::Open { .. } => None,
        }
    }

    /// The stages that are paused.
    pub fn paused(&self) -> impl Iterator<Item = Paused> {
        self.pausing().map(|(stage, closure)| {
            let Closure {
                code,
                reason,
                since,
                until,
                ..
            } = closure.clone();
            Paused {
                stage,
                code,
                reason,
                since,
                next_probe: until,
                has_worked: false,
            }
        })
    }

    /// Should this worker take a job to see whether a paused stage works again? Of several the
    /// first on the job's way decides: no job gets past it to the others.
    pub fn is_probe_due(&self, peers: &Peers, now: Timestamp) -> bool {
        let first = self.pausing().min_by_key(|(stage, _)| *stage);
        first.is_some_and(|(_, closure)| {
            now >= closure.until
                && !closure.is_probed(peers, now)
                && !closure.is_probed_by_control_calls()
        })
    }

    /// When the last pause of the stage was ended by an answer, if anybody remembers.
    pub fn unpaused(&self, stage: Stage) -> Option<Timestamp> {
        match self.entries.get(&Scope::Pause(stage))?.state {
            State::Open { since } => Some(since),
            State::Closed(_) => None,
        }
    }

    /// How much of this time some stage was paused.
    pub fn paused_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let current = self.pausing().map(|(_, closure)| (closure.since, to));
        let mut spans: Vec<_> = self
            .pauses
            .iter()
            .copied()
            .chain(current)
            .map(|(begin, end)| (begin.max(from), end.min(to)))
            .collect();
        spans.sort_unstable();
        let mut reached = from;
        spans
            .into_iter()
            .fold(SignedDuration::ZERO, |sum, (begin, end)| {
                let begin = begin.max(reached);
                reached = reached.max(end);
                if end > begin {
                    sum.saturating_add(end.duration_since(begin))
                } else {
                    sum
                }
            })
    }

    fn pausing(&self) -> impl Iterator<Item = (Stage, &Closure)> {
        self.entries
            .iter()
            .filter_map(|(place, entry)| match (place, &entry.state) {
                (Scope::Pause(stage), State::Closed(closure)) => Some((*stage, closure)),
                _ => None,
            })
    }

    fn barrier(&self, place: &Scope, peers: &Peers, now: Timestamp) -> Option<Blocked> {
        let closure = self.closure(place)?;
        let probed = closure.is_probed(peers, now);
        if now >= closure.until && !probed && !closure.is_probed_by_control_calls() {
            return None;
        }
        let until = match place {
            // Through the shortest delay queue: another worker may be able to do what this one
            // cannot.
            Scope::Pause(_) => now,
            _ if now >= closure.until => later(
                now,
                closure
                    .probed_for(now)
                    .clamp(PROBE_WAIT, LONGEST_PROBE_WAIT),
            ),
            _ => closure.until,
        };
        let brief = !place.is_pause() && now >= closure.until;
        let opens = until.max(closure.until);
        Some(Blocked {
            place: place.clone(),
            stage: closure.stage,
            code: closure.code.clone(),
            until,
            opens,
            brief,
        })
    }

    fn change(
        &mut self,
        place: &Scope,
        peers: &Peers,
        now: Timestamp,
        change: impl FnOnce(&mut Closure),
    ) {
        if let Some(mut closure) = self.closure(place).cloned() {
            change(&mut closure);
            self.set(place, peers, State::Closed(closure), now);
        }
    }

    /// Newer than all that is known, and than what was known and forgotten: that may still be told
    /// by somebody who was away.
    fn set(&mut self, place: &Scope, peers: &Peers, state: State, now: Timestamp) {
        let known = self.entries.get(place).map_or(0, |entry| entry.version);
        let version = known
            .saturating_add(1)
            .max(u64::try_from(now.as_millisecond()).unwrap_or(0));
        self.entries.insert(
            place.clone(),
            Entry {
                version,
                by: peers.me().to_owned(),
                state,
            },
        );
    }

    fn opened(&mut self, place: &Scope, closure: &Closure, now: Timestamp) {
        if place.is_pause() {
            if self.pauses.len() == MAX_PAUSES {
                self.pauses.pop_front();
            }
            self.pauses.push_back((closure.since, now));
        }
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
