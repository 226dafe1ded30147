//! Examples of plans, by date. The laws are in `laws`.

use super::*;
use crate::hold::{Scope, day};
use crate::policy::{Policy, Retention};
use crate::profile::Sector;

mod laws;

const HOUR: i64 = 3_600_000_000;

pub(super) fn at(text: &str) -> i64 {
    day(text).unwrap()
}

/// A shard of a day, with records from 08:00 to 20:00.
pub(super) fn shard(id: &str) -> ShardFacts {
    let begin = at(&id.split_once('/').unwrap().1[..10]);
    ShardFacts {
        shard: id.into(),
        instance: None,
        copy: Copy::Root,
        path: id.into(),
        active: false,
        first: Some(begin + 8 * HOUR),
        last: Some(begin + 20 * HOUR),
        bytes: 1000,
        backed_up: true,
        matched: BTreeMap::new(),
    }
}

fn keep(policy: &mut Policy, channel: &str, [floor, default, ceiling]: [&str; 3]) {
    let channel = policy.channels.iter_mut().find(|c| c.name == channel).unwrap();
    let period = |text: &str| text.parse().unwrap();
    channel.retention = Retention {
        floor: period(floor),
        default: period(default),
        ceiling: period(ceiling),
        hot: None,
        ..channel.retention.clone()
    };
}

fn generic() -> Policy {
    Policy::sector(Sector::Generic).root("logs")
}

fn facts(now: i64, shards: Vec<ShardFacts>) -> Facts {
    Facts { shards, now, trust: Trust::Confirmed, ..Facts::default() }
}

fn only(policy: &Policy, now: i64, shard: ShardFacts) -> Decision {
    plan(policy, &facts(now, vec![shard])).decisions.remove(0)
}

#[test]
fn a_shard_is_kept_until_the_default_has_passed_for_its_last_record() {
    let policy = generic(); // app: P1M, P3M, P12M
    let decision = |now| only(&policy, now, shard("app/2026-01-15"));
    let due = at("2026-04-15") + 20 * HOUR;
    assert_eq!((decision(due - 1).action, decision(due).action), (Action::Archive, Action::Purge));
    assert_eq!(decision(due).due, Some(due));
    assert_eq!(decision(due).why, "P3M after its last record, of 2026-01-15");
    let early = decision(at("2026-01-20"));
    assert_eq!((early.action, early.due), (Action::Keep, Some(at("2026-02-15") + 20 * HOUR)));
    assert!(early.why.contains("archived on 2026-02-15; purged P3M"), "{}", early.why);
}

#[test]
fn a_leap_day_a_year_later_is_february_28() {
    let mut policy = generic();
    keep(&mut policy, "app", ["P12M", "P12M", "P12M"]);
    let due = at("2025-02-28") + 20 * HOUR;
    assert_eq!(only(&policy, due, shard("app/2024-02-29")).action, Action::Purge);
    assert_ne!(only(&policy, due - 1, shard("app/2024-02-29")).action, Action::Purge);
    keep(&mut policy, "app", ["P365D", "P365D", "P365D"]);
    assert_eq!(only(&policy, at("2024-12-31") + 20 * HOUR, shard("app/2024-01-01")).action, Action::Purge);
    assert_ne!(only(&policy, at("2024-12-30") + 20 * HOUR, shard("app/2024-01-01")).action, Action::Purge);
}

#[test]
fn the_ceiling_counts_from_the_first_record_and_the_floor_wins_over_it() {
    let mut policy = generic();
    keep(&mut policy, "app", ["P1M", "P3M", "P3M"]);
    let decision = only(&policy, at("2026-04-15") + 8 * HOUR, shard("app/2026-01-15"));
    assert_eq!((decision.action, decision.rule), (Action::Purge, Rule::Ceiling));
    keep(&mut policy, "app", ["P3M", "P3M", "P3M"]);
    let decision = |hour| only(&policy, at("2026-04-15") + hour * HOUR, shard("app/2026-01-15"));
    assert_ne!(decision(8).action, Action::Purge);
    assert!(!decision(19).overdue, "the floor of the last record is the reason, a law itself");
    assert_eq!((decision(20).action, decision(20).rule), (Action::Purge, Rule::Floor));
}

#[test]
fn a_record_that_claims_to_be_old_does_not_take_its_shard_with_it() {
    let policy = generic();
    let mut odd = shard("app/2026-01-15");
    (odd.first, odd.last) = (Some(at("2001-01-01")), Some(at("2001-01-01")));
    let decision = only(&policy, at("2026-02-01"), odd);
    assert_eq!((decision.action, decision.overdue), (Action::Keep, false), "{}", decision.why);
}

#[test]
fn a_shard_without_known_records_counts_as_its_whole_day() {
    let policy = generic();
    let mut empty = shard("app/2026-01-15.3");
    (empty.first, empty.last) = (None, None);
    let due = at("2026-04-16") - 1;
    assert_eq!(only(&policy, due, empty.clone()).action, Action::Purge);
    assert_ne!(only(&policy, due - 1, empty).action, Action::Purge);
}

#[test]
fn evidence_goes_only_after_a_copy_or_where_nobody_needs_one() {
    let mut policy = generic();
    let mut lone = shard("audit/2024-01-15");
    lone.backed_up = false;
    let now = at("2026-01-15");
    let refused = only(&policy, now, lone.clone());
    assert_eq!((refused.action, refused.rule, refused.overdue), (Action::Refuse, Rule::Backup, true));
    assert!(refused.why.contains("dihya archive"), "{}", refused.why);
    let alerts = plan(&policy, &facts(now, vec![lone.clone()])).alerts;
    assert!(alerts.iter().any(|alert| alert.contains("past the ceiling")), "{alerts:?}");
    assert_eq!(only(&policy, now, shard("audit/2024-01-15")).action, Action::Purge);
    policy.channels.iter_mut().for_each(|channel| channel.backup = Backup::None);
    assert_eq!(only(&policy, now, lone).action, Action::Purge);
}

#[test]
fn an_archived_copy_stays_until_the_ceiling_where_it_is_the_backup_and_until_the_default_elsewhere() {
    let mut policy = generic();
    keep(&mut policy, "audit", ["P1M", "P3M", "P12M"]);
    keep(&mut policy, "app", ["P1M", "P3M", "P12M"]);
    let archived = |id: &str| ShardFacts { copy: Copy::Archive("archive".into()), ..shard(id) };
    let now = at("2026-06-01");
    assert_eq!(only(&policy, now, shard("audit/2026-01-15")).action, Action::Purge);
    assert_eq!(only(&policy, now, archived("audit/2026-01-15")).action, Action::Keep);
    assert_eq!(only(&policy, now, archived("app/2026-01-15")).action, Action::Purge);
    assert_eq!(only(&policy, at("2027-01-16"), archived("audit/2026-01-15")).action, Action::Purge);
}

#[test]
fn hot_records_are_neither_archived_nor_purged_for_room() {
    let mut policy = Policy::sector(Sector::Ecommerce).root("logs");
    keep(&mut policy, "audit", ["P1M", "P12M", "P12M"]);
    let audit = &mut policy.channels[1];
    audit.retention.hot = Some(Period::months(3));
    audit.max_bytes = Some(1);
    let decision = |now| only(&policy, now, shard("audit/2026-01-15"));
    let hot = decision(at("2026-04-01"));
    assert_eq!((hot.action, hot.rule), (Action::Refuse, Rule::MaxBytes), "{}", hot.why);
    assert!(hot.why.contains("retention.hot keeps it until 2026-04-15"), "{}", hot.why);
    policy.channels[1].max_bytes = None;
    let decision = |now| only(&policy, now, shard("audit/2026-01-15")).action;
    assert_eq!(decision(at("2026-04-15")), Action::Keep);
    assert_eq!(decision(at("2026-04-16")), Action::Archive);
}

#[test]
fn a_hold_keeps_what_is_due_and_says_which_records() {
    let hold = |scope| Hold {
        id: "case-12".into(),
        scope,
        ground: "a claim".into(),
        owner: "legal".into(),
        review: at("2026-03-01"),
        since: String::new(),
    };
    let decide = |scope: Scope, matched: &[u64]| {
        let mut old = shard("app/2024-01-15");
        old.matched = matched.iter().map(|count| ("case-12".to_owned(), *count)).collect();
        let mut facts = facts(at("2026-04-01"), vec![old]);
        facts.holds = vec![hold(scope)];
        plan(&generic(), &facts)
    };
    let whole = decide(Scope { channels: vec!["app".into()], ..Scope::default() }, &[]);
    let held = &whole.decisions[0];
    assert_eq!((held.action, held.rule, held.overdue), (Action::Keep, Rule::Hold, true));
    assert!(
        held.why.contains("case-12 (a claim; all its records may match, review overdue)"),
        "{}",
        held.why
    );
    assert!(whole.alerts.iter().any(|alert| alert.contains("review of hold case-12")), "{:?}", whole.alerts);
    let tenant = || Scope { tenants: vec!["t_42".into()], ..Scope::default() };
    assert_eq!(decide(tenant(), &[]).decisions[0].action, Action::Keep, "a doubt holds");
    let some = decide(tenant(), &[3]);
    assert!(some.decisions[0].why.contains("3 of its records match"), "{}", some.decisions[0].why);
    assert_eq!(decide(tenant(), &[0]).decisions[0].action, Action::Purge);
    let elsewhere = Scope { channels: vec!["audit".into()], ..Scope::default() };
    assert_eq!(decide(elsewhere, &[]).decisions[0].action, Action::Purge);
}

#[test]
fn a_clock_that_is_behind_or_far_ahead_purges_nothing_and_says_so() {
    let policy = generic();
    let now = at("2026-06-01");
    let decide = |known: &[&str], trust| {
        let mut facts = facts(now, vec![shard("app/2024-01-15")]);
        facts.known = known.iter().map(|text| at(text)).collect();
        facts.trust = trust;
        let plan = plan(&policy, &facts);
        (plan.decisions[0].action, plan.alerts.join("\n"))
    };
    assert_eq!(decide(&["2026-05-30"], Trust::Checked).0, Action::Purge);
    let (action, alerts) = decide(&["2026-05-30", "2026-06-02"], Trust::Checked);
    assert!(action == Action::Refuse && alerts.contains("behind"), "{alerts}");
    for known in [&["2026-01-01"][..], &["2026-01-01", "2026-06-01"], &[]] {
        let (action, alerts) = decide(known, Trust::Checked);
        assert!(action == Action::Refuse && alerts.contains("ahead"), "{known:?}: {alerts}");
    }
    assert_eq!(decide(&["2026-01-01"], Trust::Confirmed).0, Action::Purge);
}

#[test]
fn a_channel_that_the_policy_does_not_know_is_refused_not_purged() {
    let decision = only(&generic(), at("2036-01-01"), shard("billing/2024-01-15"));
    assert_eq!((decision.action, decision.rule), (Action::Refuse, Rule::Unknown));
    let odd = only(
        &generic(),
        at("2036-01-01"),
        ShardFacts { shard: "app/notes".into(), ..shard("app/2024-01-15") },
    );
    assert_eq!((odd.action, odd.rule), (Action::Refuse, Rule::Unknown));
}

#[test]
fn too_many_bytes_take_the_oldest_of_the_channel_that_may_go_and_refuse_the_rest() {
    let mut policy = generic();
    policy.channels[0].max_bytes = Some(1500);
    let shards = || {
        let mut shards =
            ["app/2026-01-01", "app/2026-01-02", "app/2026-03-10", "app/2026-03-11", "api/2026-01-01"]
                .map(shard)
                .to_vec();
        shards[3].active = true;
        shards
    };
    let all = plan(&policy, &facts(at("2026-03-11"), shards()));
    let of = |id: &str| all.decisions.iter().find(|d| d.shard == id).unwrap();
    assert_eq!(of("app/2026-03-10").rule, Rule::MaxBytes);
    assert_eq!(of("app/2026-03-10").action, Action::Refuse, "its floor has not passed");
    assert_eq!(of("app/2026-03-11").action, Action::Keep, "it is being written");
    assert_eq!(of("api/2026-01-01").action, Action::Archive, "another channel");
    assert!(
        all.alerts.iter().any(|a| a.contains("app has 2000 bytes of 1500: 500 bytes too many")),
        "{:?}",
        all.alerts
    );
    // Those of January are archived: they leave the root anyway. Where they are at hand still, they go.
    policy.channels[0].retention.hot = Some(Period::days(1));
    policy.channels[0].max_bytes = Some(2500);
    let mut early = shards();
    early.iter_mut().for_each(|s| s.copy = Copy::Root);
    let all = plan(&policy, &facts(at("2026-03-11"), early));
    assert_eq!(all.alerts, [""; 0]);
}

#[test]
fn a_disk_without_room_takes_the_oldest_of_all_that_may_go() {
    let mut policy = generic();
    policy.min_free = Some(10_000);
    let mut facts = facts(
        at("2026-07-15"),
        ["api/2026-01-01", "app/2026-06-01", "app/2026-07-14", "audit/2026-01-02"].map(shard).to_vec(),
    );
    facts.free = Some(8_500);
    let plan = plan(&policy, &facts);
    let decisions: Vec<_> = plan.decisions.iter().map(|d| (d.shard.as_str(), d.action, d.rule)).collect();
    // api is past its own six months; of the others audit is the oldest, and its floor has passed.
    assert_eq!(
        decisions,
        [
            ("api/2026-01-01", Action::Purge, Rule::Default),
            ("app/2026-06-01", Action::Archive, Rule::Hot),
            ("app/2026-07-14", Action::Keep, Rule::Hot),
            ("audit/2026-01-02", Action::Purge, Rule::MinFree),
        ]
    );
    facts.free = Some(5_000);
    let plan = super::plan(&policy, &facts);
    let refused: Vec<_> = plan.decisions.iter().filter(|d| d.action == Action::Refuse).collect();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].why.contains("retention.floor keeps it until 2026-08-14"), "{}", refused[0].why);
    assert_eq!(plan.alerts.len(), 1, "{:?}", plan.alerts);
}
