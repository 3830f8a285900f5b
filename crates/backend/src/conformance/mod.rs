//! What every backend has to get right, as one suite.
//!
//! ```ignore
//! conformance::suite(Harness { workloads, network, template }).await;
//! ```
//!
//! Each check panics with its name when it fails. The suite leaves nothing behind when it passes.

mod checks;
mod program;

use std::{future::Future, net::Ipv4Addr, time::Duration};

use dormouse_model::{Depth, InstanceId, Phase, Question};

use crate::{Damage, InstanceSpec, LogLine, NetworkSpec, ProbeRequest, Visitor, Workload, Workloads};
pub use program::Program;

/// Longest time one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// A backend under test, and what it needs to run something.
pub struct Harness<W> {
    /// The backend.
    pub workloads: W,
    /// The template's network. The suite makes and removes it.
    pub network: NetworkSpec,
    /// Sends bytes to an instance, from elsewhere.
    pub arrive: Arrive,
    /// Damages what keeps the network, as another program would.
    pub damage: Damager,
    /// An instance of an image with a POSIX shell and busybox's `nc`. Its number is the first of sixteen the suite may use;
    /// its command is replaced.
    pub template: InstanceSpec,
}

/// Sends bytes to the instance of this number and address.
pub type Arrive = Box<dyn Fn(InstanceId, Ipv4Addr) + Send + Sync>;

/// Damages what keeps a network; returns what that is.
pub type Damager = Box<dyn Fn(&NetworkSpec) -> Damage + Send + Sync>;

/// Runs every check, one after the other.
///
/// # Panics
/// When the backend does not do what [`Workloads`] promises.
pub async fn suite<W: Workloads>(harness: Harness<W>) {
    let h = &harness;
    check("a network can be ensured again", checks::network(h)).await;
    check("start is idempotent, and list shows it", checks::start(h)).await;
    check("what it says can be read", checks::log(h)).await;
    check("it sleeps and wakes, again and again", checks::sleep(h)).await;
    check("bytes for one that sleeps are told", checks::stirs(h)).await;
    check("what it does by itself can be seen", checks::activity(h)).await;
    check("stop is graceful, wakes it first, and is idempotent", checks::stop(h)).await;
    check("what does not obey is killed", checks::stubborn(h)).await;
    check("an end is reported, with its status", checks::exit(h)).await;
    check("limits are changed while it runs and while it sleeps", checks::limits(h)).await;
    check("it can be asked whether it works", checks::probe(h)).await;
    check("one can look into it", checks::inspect(h)).await;
    check("running out of memory is named", checks::out_of_memory(h)).await;
    check("what cannot start says so", checks::cannot_start(h)).await;
    check("unknown instances", checks::unknown(h)).await;
    check("what others damage is repaired and told", checks::repairs(h)).await;
    check("a network can be removed, also again", checks::network_gone(h)).await;
}

async fn check(name: &str, run: impl Future<Output = Result<(), String>>) {
    match tokio::time::timeout(CHECK_TIMEOUT, run).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => panic!("{name}: {why}"),
        Err(_) => panic!("{name}: not done within {CHECK_TIMEOUT:?}"),
    }
}

impl<W: Workloads> Harness<W> {
    /// The `n`th instance, running `program`.
    fn spec(&self, n: u8, program: Program) -> InstanceSpec {
        let mut spec = self.template.clone();
        spec.id = InstanceId(spec.id.0 + u64::from(n));
        spec.argv = Some(program.argv());
        spec
    }

    /// Whether anything can sleep with its memory.
    fn can_freeze(&self) -> bool {
        self.workloads.capabilities().depths.frozen
    }

    /// Puts it to sleep, where that is possible.
    async fn put_to_sleep(&self, id: InstanceId, depth: Depth) -> Result<(), String> {
        if self.can_freeze() {
            self.workloads.sleep(id, depth).await.map_err(|e| format!("sleep: {e}"))?;
        }
        Ok(())
    }

    /// A question at the suite's port.
    fn request(&self, question: Question) -> ProbeRequest {
        let visitor = Visitor { host: "suite.localhost".to_owned(), scheme: "http".to_owned() };
        ProbeRequest { port: program::PORT, visitor, question, limit: Duration::from_secs(5) }
    }

    /// Starts it; it stands where the list says.
    async fn run(&self, n: u8, program: Program) -> Result<InstanceId, String> {
        let spec = self.spec(n, program);
        let addr = self.workloads.start(&spec).await.map_err(|e| format!("start: {e}"))?;
        let listed = self.find(spec.id).await?.map(|w| w.addr);
        if listed == Some(addr) {
            Ok(spec.id)
        } else {
            Err(format!("started at {addr}, listed at {listed:?}"))
        }
    }

    /// What the list says of it.
    async fn find(&self, id: InstanceId) -> Result<Option<Workload>, String> {
        let list = self.workloads.list().await.map_err(|e| format!("list: {e}"))?;
        let mut found = list.into_iter().filter(|w| w.id == id);
        let first = found.next();
        if found.next().is_some() { Err(format!("{id} is listed twice")) } else { Ok(first) }
    }

    /// Where it is.
    async fn phase(&self, id: InstanceId) -> Result<Phase, String> {
        self.find(id).await?.map(|w| w.phase).ok_or_else(|| format!("{id} is not listed"))
    }

    /// Waits until it has said `text`, and returns everything it said.
    async fn said(&self, id: InstanceId, text: &str) -> Result<Vec<LogLine>, String> {
        let (mut lines, mut from) = (Vec::new(), 0);
        loop {
            let chunk =
                self.workloads.read_log(&self.template.key, id, from).await.map_err(|e| e.to_string())?;
            from = chunk.next;
            lines.extend(chunk.lines);
            if lines.iter().any(|l: &LogLine| l.text == text) {
                return Ok(lines);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it if it runs, and clears it away.
    async fn clear(&self, id: InstanceId) -> Result<(), String> {
        self.workloads.stop(id, Duration::from_secs(5)).await.map_err(|e| format!("stop: {e}"))?;
        self.workloads.remove(id).await.map_err(|e| format!("remove: {e}"))?;
        match self.find(id).await? {
            None => Ok(()),
            Some(w) => Err(format!("still listed after its removal: {w:?}")),
        }
    }
}
