use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// So many callers of each class wait at any time; returns how many turns each class had of `all`.
fn shares(weights: &[u32], all: usize) -> Vec<usize> {
    let mut order = TurnOrder::new(weights.iter().copied());
    let mut classes = BTreeMap::new();
    for class in 0..weights.len() {
        classes.insert(order.join(class), class);
    }
    let mut had = vec![0; weights.len()];
    for _ in 0..all {
        let holder = order.holder().unwrap();
        let class = classes.remove(&holder).unwrap();
        had[class] += 1;
        classes.insert(order.join(class), class);
        order.leave(holder, true);
    }
    had
}

#[test]
fn five_hundred_turns_are_shared_out_by_weight_within_five_percent() {
    for weights in [
        &[1, 1][..],
        &[3, 1],
        &[9, 1],
        &[1_000, 250],
        &[5, 3, 2],
        &[4, 4, 1, 1],
        &[1; 16],
    ] {
        let whole = f64::from(weights.iter().sum::<u32>());
        for (class, had) in shares(weights, 500).into_iter().enumerate() {
            let due = 500.0 * f64::from(weights[class]) / whole;
            let had = f64::from(u32::try_from(had).unwrap());
            assert!(
                (had - due).abs() <= (0.05 * due).max(1.0),
                "{weights:?}: class {class} had {had} of {due}"
            );
        }
    }
}

#[test]
fn a_class_that_comes_back_is_owed_nothing_and_owes_nothing() {
    let mut order = TurnOrder::new([1, 1]);
    let mut first = order.join(0);
    // The other class wants nothing for a hundred turns.
    for _ in 0..100 {
        let next = order.join(0);
        order.leave(first, true);
        first = next;
    }
    let mut classes = BTreeMap::new();
    for class in [0, 1] {
        for _ in 0..10 {
            classes.insert(order.join(class), class);
        }
    }
    order.leave(first, true);
    let mut had = Vec::new();
    while let Some(holder) = order.holder() {
        had.push(classes[&holder]);
        order.leave(holder, true);
    }
    // Every second turn is the newcomer's, from the first or the second one on.
    for pair in had[..18].windows(2) {
        assert_ne!(pair[0], pair[1], "{had:?}");
    }
}

#[test]
fn one_call_beside_many_has_the_turn_after_the_present_one() {
    let mut order = TurnOrder::new([1, 1]);
    let many: Vec<_> = (0..1_000).map(|_| order.join(0)).collect();
    order.leave(many[0], true);
    let one = order.join(1);
    order.leave(many[1], true);
    assert_eq!(order.holder(), Some(one));
}

#[test]
fn a_turn_that_is_not_used_costs_nothing() {
    let mut order = TurnOrder::new([1, 1]);
    let first: Vec<_> = (0..5).map(|_| order.join(0)).collect();
    let second = order.join(1);
    order.leave(first[0], true);
    assert_eq!(order.holder(), Some(second));
    order.leave(second, false);
    let again = order.join(1);
    order.leave(first[1], true);
    assert_eq!(order.holder(), Some(again), "its turn before was given up");
}

/// What may happen to callers.
#[derive(Clone, Debug)]
enum Happening {
    Join(usize),
    /// The caller with the turn ends it.
    End {
        has_used: bool,
    },
    /// One of those who are there goes.
    Leave(prop::sample::Index),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..4_usize).prop_map(Happening::Join),
        3 => any::<bool>().prop_map(|has_used| Happening::End { has_used }),
        1 => any::<prop::sample::Index>().prop_map(Happening::Leave),
    ]
}

proptest! {
    /// Whatever the weights are, a class that always waits is never behind by more than a turn of
    /// each other class.
    #[test]
    fn turns_follow_the_weights(weights in vec(1..=1_000_u32, 1..6), all in 1..2_000_usize) {
        let whole: u64 = weights.iter().copied().map(u64::from).sum();
        for (class, had) in shares(&weights, all).into_iter().enumerate() {
            let due = all as u64 * u64::from(weights[class]) / whole;
            let apart = (had as u64).abs_diff(due);
            prop_assert!(apart <= weights.len() as u64, "class {class} had {had} of {due}");
        }
    }

    /// No turn is lost, none is given to a caller that has gone, and within a class callers are
    /// served in the order in which they came.
    #[test]
    fn someone_has_the_turn_while_anyone_waits(
        weights in vec(1..=1_000_u32, 1..5),
        steps in vec(happening(), 1..200),
    ) {
        let mut order = TurnOrder::new(weights.iter().copied());
        let mut there: BTreeMap<Ticket, usize> = BTreeMap::new();
        let mut last_of: BTreeMap<usize, Ticket> = BTreeMap::new();
        for step in steps {
            match step {
                Happening::Join(class) => {
                    let class = class.min(weights.len() - 1);
                    there.insert(order.join(class), class);
                }
                Happening::End { has_used } => {
                    if let Some(holder) = order.holder() {
                        there.remove(&holder);
                        order.leave(holder, has_used);
                    }
                }
                Happening::Leave(index) => {
                    if !there.is_empty() {
                        let tickets: Vec<_> = there.keys().copied().collect();
                        let ticket = *index.get(&tickets);
                        there.remove(&ticket);
                        order.leave(ticket, false);
                    }
                }
            }
            let holder = order.holder();
            prop_assert_eq!(holder.is_none(), there.is_empty());
            if let Some(holder) = holder {
                let class = there.get(&holder);
                prop_assert!(class.is_some(), "the turn is with a caller that has gone");
                let before = last_of.insert(there[&holder], holder).unwrap_or(0);
                prop_assert!(before <= holder, "one overtook another of its class");
            }
        }
    }
}
