//! What sleeps while a client listens is looked in on, and woken for what is found.

use dormouse_model::{InstanceId, Time};
use dormouse_planner::{Action, next_deadline, note_word, plan};
use expect_test::expect;

use crate::{
    check,
    dsl::{NOW, situation, span},
};

/// Bug: a page whose handler had said a first word, and waited by a timer for longer than the idle time before the next, was
/// left with that for ever: nothing woke the handler.
#[test]
fn a_client_listens() {
    check(
        "for ten seconds",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-18s event=-18s connections=1 fell=-10s slept=-10s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "not yet",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-17s event=-17s connections=1 fell=-9s slept=-9s",
        &expect!["nothing"],
    );
    check(
        "it was looked in on",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-27s connections=1 fell=-19s slept=-9s",
        &expect!["nothing"],
    );
    check(
        "now",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-28s connections=1 fell=-20s slept=-10s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "another try to push its memory out postpones nothing",
        "web d1 live=d1 sleep=8s
         i1 web d1 frozen client=-3m connections=1 fell=-120s slept=-1s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "an earlier control put it to sleep",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-1m connections=1",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "the same, and it was looked in on since: the client's last word is what is known",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-120s connections=1 slept=-30s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "nobody does",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-18s fell=-10s slept=-10s",
        &expect!["nothing"],
    );
    check(
        "a page that only ticks may sleep",
        "web d1 live=d1 sleep=8s streams=ignore
         i1 web d1 paged client=-18s connections=1 fell=-10s slept=-10s",
        &expect!["nothing"],
    );
    check(
        "it was sent to sleep",
        "web d1 live=d1 sleep=8s slept=-10s
         i1 web d1 paged client=-18s connections=1 fell=-10s slept=-10s",
        &expect!["nothing"],
    );
    check(
        "he says something himself",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=now connections=1 fell=-10s slept=-10s",
        &expect!["wake shop/web i1"],
    );
    check(
        "the word came",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-28s event=-1s connections=1 fell=-20s slept=-2s",
        &expect!["wake shop/web i1"],
    );
}

#[test]
fn patience_ends() {
    check(
        "once more when it does",
        "web d1 live=d1 sleep=8s patience=1m
         i1 web d1 paged client=-1m connections=1 fell=-52s slept=-12s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "and never again",
        "web d1 live=d1 sleep=8s patience=1m
         i1 web d1 paged client=-2h connections=1 fell=-2h slept=-1h",
        &expect!["nothing"],
    );
    check(
        "what the page hears prolongs nothing",
        "web d1 live=d1 sleep=8s patience=1m
         i1 web d1 paged client=-2h event=-20s connections=1 fell=-12s slept=-12s",
        &expect!["nothing"],
    );
    check(
        "an earlier control put it to sleep, long ago",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-2h connections=1",
        &expect!["nothing"],
    );
}

#[test]
fn what_is_found() {
    check(
        "it began to work on his word",
        "web d1 live=d1 sleep=8s
         i1 web d1 frozen client=-20s connections=1 fell=-12s slept=-2s worked=now",
        &expect!["wake shop/web i1"],
    );
    check(
        "it was woken for that before",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-60s connections=1 fell=-5s slept=-5s worked=-30s woken=-29s",
        &expect!["nothing"],
    );
    check(
        "nobody listens any more",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-20s fell=-12s slept=-2s worked=now",
        &expect!["nothing"],
    );
}

/// Bug: an answer that took many small steps of an event loop after its first word came minutes late, each time.
#[test]
fn a_word_that_came_late_once() {
    let page = "web d1 live=d1 sleep=8s\ni1 web d1 running connections=1 silence=24s";
    check("longer than that", &format!("{page} client=-30s event=-30s"), &expect!["nothing"]);
    check(
        "and half as long again",
        &format!("{page} client=-36s event=-36s"),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "each word may be followed by another",
        &format!("{page} client=-2m event=-30s"),
        &expect!["nothing"],
    );
    check(
        "but nobody waits for ever",
        &format!("{page} client=-15m event=-9s"),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "nobody listens",
        &format!("{} client=-9s", page.replace("connections=1", "")),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "to what only ticks",
        &format!("{} client=-9s", page.replace("sleep=8s", "sleep=8s streams=ignore")),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "against a command",
        &format!("{} client=-9s", page.replace("sleep=8s", "sleep=8s slept=-1s")),
        &expect!["sleep shop/web i1 paged"],
    );
}

/// What an edge tells of one that sleeps, and the silence that is learned from it.
#[test]
fn words_that_are_late() {
    let said = |what: &str, record: &str, told: &str, learned: Option<&str>| {
        let of = |words: &str| {
            situation(&format!("web d1 live=d1\ni1 web d1 {words}"))
                .observed
                .instances
                .remove(&InstanceId(1))
                .unwrap()
        };
        let mut i = of(record);
        note_word(&mut i, &of(told).traffic);
        assert_eq!(i.silence, learned.map(span), "{what}");
    };
    let page = "paged client=-40s event=-39s connections=1 fell=-30s slept=-3s";
    let word = page.replace("event=-39s", "event=-1s");
    said("in a look", page, &word, Some("38s"));
    said("longer is known", &format!("{page} silence=50s"), &word, Some("50s"));
    said("nothing new", page, page, None);
    said("in time", &page.replace("paged", "running"), &word, None);
    said("woken by him", page, &word.replace("client=-40s", "client=-2s"), None);
    said("woken by bytes", &format!("{page} stirred=-2s"), &word, None);
}

/// A page may wait for what its service waits for at another one, in whatever protocol.
#[test]
fn others() {
    check(
        "a page listens to one that is connected to it",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 paged client=-18s connections=1 private=1 fell=-10s slept=-10s",
        &expect!["dark wake shop/api i2 paged"],
    );
    check(
        "no page is open",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s
         api d2 live=d2 sleep=8s
         i2 api d2 paged client=-18s connections=1 private=1 fell=-10s slept=-10s",
        &expect!["nothing"],
    );
    check(
        "nobody is connected to it",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 paged client=-18s fell=-10s slept=-10s",
        &expect!["nothing"],
    );
}

/// Bug: with the depth `stopped`, an open page was cut off after the idle time, whatever it was waiting for.
#[test]
fn what_would_be_stopped() {
    check(
        "it sleeps as others do while somebody listens",
        "web d1 live=d1 sleep=8s depth=stopped
         i1 web d1 running client=-8s connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "and is looked in on",
        "web d1 live=d1 sleep=8s depth=stopped
         i1 web d1 paged client=-18s connections=1 fell=-10s slept=-10s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "nobody does any more",
        "web d1 live=d1 sleep=8s depth=stopped
         i1 web d1 paged client=-18s fell=-10s slept=-10s",
        &expect!["stop shop/web i1: idle"],
    );
    check(
        "he has waited for long enough",
        "web d1 live=d1 sleep=8s depth=stopped
         i1 web d1 paged client=-15m connections=1 fell=-14m slept=-4m",
        &expect!["stop shop/web i1: idle"],
    );
    check(
        "it is sent to sleep",
        "web d1 live=d1 sleep=8s depth=stopped slept=-1s
         i1 web d1 running client=-8s connections=1",
        &expect!["stop shop/web i1: idle"],
    );
}

/// All looks at a silent page, in seconds after it fell asleep.
#[test]
fn a_silent_page_costs_a_handful_of_moments() {
    let mut table = String::new();
    for (what, words) in [
        ("at the usual idle time", "sleep=5m client=-5m"),
        ("at a short one", "sleep=8s client=-8s"),
        ("without patience", "sleep=5m patience=1m client=-5m"),
    ] {
        let (policy, client) = words.rsplit_once(' ').unwrap();
        let mut world = situation(&format!(
            "web d1 live=d1 {policy}\ni1 web d1 paged {client} connections=1 fell=now slept=now"
        ));
        let (mut now, mut looks) = (NOW, Vec::new());
        while let Some(at) = next_deadline(&world.desired, &world.observed, now) {
            now = at;
            for action in plan(&world.desired, &world.observed, now) {
                assert!(matches!(action, Action::DarkWake { .. }), "{action}");
                looks.push(now.since(NOW).as_secs());
                world.observed.instances.values_mut().for_each(|i| i.slept_at = Some(now));
            }
        }
        assert!(plan(&world.desired, &world.observed, Time(u64::MAX / 2)).is_empty());
        table.push_str(&format!("{what}: {looks:?}\n"));
    }
    expect![[r#"
        at the usual idle time: [10, 20, 30, 40, 50, 60, 120, 240, 480, 600]
        at a short one: [10, 20, 30, 40, 50, 60, 120, 240, 480, 892]
        without patience: []
    "#]]
    .assert_eq(&table);
}
