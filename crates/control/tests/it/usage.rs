//! What services use is written down.

use dormouse_backend::Workloads;
use dormouse_model::InstanceId;
use rusqlite::Connection;

use crate::world::{World, project, service};

impl World {
    /// What the database says of all hours: processor time in microseconds, and milliseconds awake and asleep.
    fn used(&self) -> (u64, u64, u64) {
        let connection = Connection::open(self.state().join("dormouse.db")).unwrap();
        let sql = "SELECT coalesce(sum(cpu_us), 0), coalesce(sum(awake_ms), 0), coalesce(sum(frozen_ms + paged_ms), 0)
                   FROM usage";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    }
}

#[tokio::test]
async fn nothing_is_lost_or_counted_twice() {
    let mut world = World::new(146).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    // Killed before anything of it was written.
    world.kill_and_restart().await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    for _ in 0..3 {
        world.kill_and_restart().await;
    }
    world.ask(|c| async move { c.wake_all("shop", None).await }).await.unwrap();
    let lived = world.sim.list().await.unwrap()[0].started_at;
    world.end().await;
    let (cpu, awake, asleep) = world.used();
    // The instance is gone, and all of what it used is there.
    assert!(awake > 0 && asleep > 0 && cpu > 0, "{cpu} {awake} {asleep}");
    let most = dormouse_model::Time::from(std::time::SystemTime::now()).since(lived);
    assert!(u128::from(awake + asleep) <= most.as_millis(), "{awake} + {asleep} of {most:?}");
    assert!(cpu <= (awake + 1) * 1000, "not more than a processor has");
    assert!(world.sim.usage(InstanceId(1)).await.is_err());
    let marks = Connection::open(world.state().join("dormouse.db")).unwrap();
    let marks: u64 = marks.query_row("SELECT count(*) FROM usage_marks", [], |row| row.get(0)).unwrap();
    assert_eq!(marks, 0);
}
