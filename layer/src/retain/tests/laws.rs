//! The laws of retention, for any policy, log and moment.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const CHANNELS: [&str; 4] = ["app", "audit", "security", "api"];
/// 2023-01-01.
const START: i64 = 19_358;

fn periods() -> BoxedStrategy<(Period, Period, Period, Option<Period>)> {
    let months = vec(1u32..=30, 3).prop_map(|n| n.into_iter().map(Period::months).collect::<Vec<_>>());
    let days = vec(1u32..=900, 3).prop_map(|n| n.into_iter().map(Period::days).collect::<Vec<_>>());
    (prop_oneof![months, days], any::<bool>())
        .prop_map(|(mut list, hot)| {
            list.sort_by_key(|period| period.end(0));
            (list[0], list[1], list[2], hot.then_some(list[1]))
        })
        .boxed()
}

fn policy() -> BoxedStrategy<Policy> {
    let channel = (periods(), any::<bool>(), of(1u64..6000));
    (vec(channel, CHANNELS.len()), of(1u64..6000))
        .prop_map(|(channels, min_free)| {
            let mut policy = generic();
            policy.min_free = min_free;
            for (name, (periods, archive, max_bytes)) in CHANNELS.iter().zip(channels) {
                let channel = policy.channels.iter_mut().find(|c| c.name == *name).unwrap();
                let kept = &mut channel.retention;
                (kept.floor, kept.default, kept.ceiling, kept.hot) = periods;
                channel.backup = if archive { Backup::Archive } else { Backup::None };
                channel.max_bytes = max_bytes;
            }
            policy
        })
        .boxed()
}

fn shard_facts() -> BoxedStrategy<ShardFacts> {
    let ids = (select(&CHANNELS[..]), START..START + 1500, 0u32..3);
    let times = (0..DAY, 0..DAY, prop::bool::weighted(0.9));
    let flags = (prop::bool::weighted(0.1), any::<bool>(), prop::bool::weighted(0.8));
    (ids, times, flags, 0u64..3000, btree_map(select(vec!["h0".to_owned(), "h1".to_owned()]), 0u64..2, 0..2))
        .prop_map(|((channel, day, number), (a, b, known), (active, backed_up, root), bytes, matched)| {
            let begin = day * DAY;
            let date = date(begin);
            let period = if number == 0 { date } else { format!("{date}.{number}") };
            ShardFacts {
                shard: format!("{channel}/{period}"),
                instance: None,
                copy: if root { Copy::Root } else { Copy::Archive("archive".into()) },
                path: String::new(),
                active: active && root,
                first: known.then_some(begin + a.min(b)),
                last: known.then_some(begin + a.max(b)),
                bytes,
                backed_up,
                matched,
            }
        })
        .boxed()
}

fn hold() -> BoxedStrategy<Hold> {
    let scope = (
        vec(select(&CHANNELS[..]), 0..2),
        of(START..START + 1500),
        of(1i64..700),
        vec(select(&["t1", "t2"][..]), 0..2),
    );
    (select(&["h0", "h1", "h2"][..]), scope)
        .prop_map(|(id, (channels, from, length, tenants))| Hold {
            id: id.into(),
            scope: Scope {
                channels: channels.into_iter().map(Into::into).collect(),
                from: from.map(|day| day * DAY),
                to: from.and_then(|day| Some((day + length?) * DAY)),
                tenants: tenants.into_iter().map(Into::into).collect(),
                ..Scope::default()
            },
            ground: "g".into(),
            owner: "o".into(),
            review: (START + 900) * DAY,
            since: String::new(),
        })
        .boxed()
}

fn all_facts() -> BoxedStrategy<Facts> {
    let now = (START..START + 3000).prop_flat_map(|day| (day * DAY)..(day + 1) * DAY);
    let known = vec(0i64..20, 0..4);
    let trust = select(&[Trust::Checked, Trust::Confirmed, Trust::Supposed][..]);
    (vec(shard_facts(), 0..14), vec(hold(), 0..3), now, known, trust, of(0u64..5000))
        .prop_map(|(mut shards, holds, now, known, trust, free)| {
            shards.sort_by(|a, b| (&a.shard, &a.copy).cmp(&(&b.shard, &b.copy)));
            shards.dedup_by(|a, b| a.shard == b.shard && a.copy == b.copy);
            let known = known.into_iter().map(|back| now - back * DAY).collect();
            Facts { shards, holds, now, known, trust, free }
        })
        .boxed()
}

fn channel_of(id: &str) -> &str {
    id.split_once('/').unwrap().0
}

/// The first and last moment that counts, told anew: from the records, or the whole day.
fn moments(shard: &ShardFacts) -> (i64, i64) {
    let begin = at(&shard.shard.split_once('/').unwrap().1[..10]);
    (shard.first.unwrap_or(begin), shard.last.unwrap_or(begin + DAY - 1))
}

fn is_held(shard: &ShardFacts, holds: &[Hold]) -> bool {
    let (first, last) = moments(shard);
    holds.iter().any(|hold| {
        let scope = &hold.scope;
        let looked_at = shard.matched.get(&hold.id);
        (scope.channels.is_empty() || scope.channels.iter().any(|c| c == channel_of(&shard.shard)))
            && scope.from.is_none_or(|from| from <= last)
            && scope.to.is_none_or(|to| first < to)
            && (scope.tenants.is_empty() || looked_at != Some(&0))
    })
}

fn pairs<'p>(facts: &'p Facts, plan: &'p Plan) -> impl Iterator<Item = (&'p ShardFacts, &'p Decision)> {
    facts.shards.iter().map(|shard| {
        let is = |d: &&Decision| d.shard == shard.shard && d.copy == shard.copy;
        (shard, plan.decisions.iter().find(is).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_goes_before_its_floor_or_held_or_active_or_without_its_backup(policy in policy(), facts in all_facts()) {
        let plan = plan(&policy, &facts);
        prop_assert_eq!(plan.decisions.len(), facts.shards.len());
        for (shard, decision) in pairs(&facts, &plan) {
            prop_assert!(!decision.why.is_empty());
            if decision.action != Action::Purge {
                continue;
            }
            let (_, last) = moments(shard);
            let channel = policy.channels.iter().find(|c| c.name == channel_of(&shard.shard)).unwrap();
            prop_assert!(facts.now >= channel.retention.floor.end(last).unwrap(), "{decision:?}");
            if let (Some(hot), Copy::Root) = (channel.retention.hot, &shard.copy) {
                prop_assert!(facts.now >= hot.end(last).unwrap(), "{decision:?}");
            }
            prop_assert!(!shard.active && !is_held(shard, &facts.holds), "{decision:?}");
            let covered = shard.backed_up || channel.backup == Backup::None || shard.copy != Copy::Root;
            prop_assert!(covered, "{decision:?}");
        }
    }

    #[test]
    fn nothing_stays_past_its_ceiling_unless_the_plan_says_why_and_that_it_is_late(policy in policy(), facts in all_facts()) {
        let plan = plan(&policy, &facts);
        for (shard, decision) in pairs(&facts, &plan) {
            let (first, last) = moments(shard);
            let kept = &policy.channels.iter().find(|c| c.name == channel_of(&shard.shard)).unwrap().retention;
            let mut limit = kept.ceiling.end(first).unwrap().max(kept.floor.end(last).unwrap());
            if let (Some(hot), Copy::Root) = (kept.hot, &shard.copy) {
                limit = limit.max(hot.end(last).unwrap());
            }
            // The slack: the span of the shard's own records, and a short month's end.
            prop_assert!(limit - kept.ceiling.end(first).unwrap() <= (last - first) + 3 * DAY);
            if facts.now < limit || shard.active {
                prop_assert!(!decision.overdue, "{decision:?}");
                continue;
            }
            match decision.action {
                Action::Purge => {}
                Action::Keep => {
                    prop_assert!(decision.rule == Rule::Hold && is_held(shard, &facts.holds), "{decision:?}");
                    prop_assert!(decision.overdue && !plan.alerts.is_empty(), "{decision:?}");
                }
                Action::Refuse => prop_assert!(decision.overdue && !plan.alerts.is_empty(), "{decision:?}"),
                Action::Archive => prop_assert!(false, "{decision:?}"),
            }
        }
    }

    #[test]
    fn no_channels_rule_touches_another(
        policy in policy(), facts in all_facts(), other in periods(), most in of(1u64..6000), archive in any::<bool>()
    ) {
        let mut policy = policy;
        policy.min_free = None;
        let before = plan(&policy, &facts);
        let app = &mut policy.channels[0];
        (app.retention.floor, app.retention.default, app.retention.ceiling, app.retention.hot) = other;
        app.max_bytes = most;
        app.backup = if archive { Backup::Archive } else { Backup::None };
        let after = plan(&policy, &facts);
        let others = |plan: Plan| -> Vec<Decision> {
            plan.decisions.into_iter().filter(|d| channel_of(&d.shard) != "app").collect()
        };
        prop_assert_eq!(others(before), others(after));
    }

    #[test]
    fn what_is_purged_now_is_purged_later_too(policy in policy(), facts in all_facts(), later in 0..4000 * DAY) {
        let mut policy = policy;
        policy.min_free = None;
        policy.channels.iter_mut().for_each(|channel| channel.max_bytes = None);
        let mut facts = Facts { trust: Trust::Supposed, ..facts };
        let now = plan(&policy, &facts);
        facts.now += later;
        let then = plan(&policy, &facts);
        for (a, b) in now.decisions.iter().zip(&then.decisions) {
            prop_assert!(a.action != Action::Purge || b.action == Action::Purge, "{a:?} then {b:?}");
            prop_assert!(!a.overdue || b.overdue, "{a:?} then {b:?}");
        }
    }

    #[test]
    fn a_clock_that_disagrees_with_the_log_purges_nothing(policy in policy(), facts in all_facts(), ahead in 6i64..10_000_000) {
        let mut facts = Facts { trust: Trust::Checked, ..facts };
        facts.known.push(facts.now + ahead * 60_000_000);
        let plan = plan(&policy, &facts);
        prop_assert!(plan.decisions.iter().all(|d| matches!(d.action, Action::Keep | Action::Refuse)));
        prop_assert!(plan.alerts.iter().any(|alert| alert.contains("clock")));
    }

    #[test]
    fn a_limit_of_room_takes_no_more_than_it_needs_and_the_oldest_first(policy in policy(), facts in all_facts()) {
        let mut policy = policy;
        policy.min_free = None;
        let plan = plan(&policy, &facts);
        for channel in &policy.channels {
            let Some(most) = channel.max_bytes else { continue };
            let of: Vec<&Decision> = plan.decisions.iter()
                .filter(|d| channel_of(&d.shard) == channel.name && d.copy == Copy::Root)
                .collect();
            let left: u64 = of.iter()
                .filter(|d| matches!(d.action, Action::Keep | Action::Refuse))
                .map(|d| d.bytes)
                .sum();
            let newest = of.iter().rfind(|d| d.rule == Rule::MaxBytes && d.action == Action::Purge);
            if let Some(newest) = newest {
                prop_assert!(left + newest.bytes > most, "{newest:?} went without need");
            }
            if left > most {
                let told = plan.alerts.iter().any(|a| a.starts_with(&format!("{} has", channel.name)));
                prop_assert!(told, "{:?}", plan.alerts);
            }
        }
    }
}
