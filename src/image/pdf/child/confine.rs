//! What this process may take: little memory, little time, no new file, and no life of its own.

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};

/// Bytes of address space, the program itself among them.
const ADDRESS_SPACE: u64 = 512 << 20;
/// Seconds of a processor; the kernel then ends the process.
const PROCESSOR_SECONDS: u64 = 10;

/// Sets the limits. They hold for the rest of the process.
pub(super) fn confine() -> Result<(), Errno> {
    // A parent that died before this closes stdin, so that the document is cut off.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    volunteer_for_the_kernel();
    for (resource, most) in [
        (Resource::As, ADDRESS_SPACE),
        (Resource::Cpu, PROCESSOR_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ] {
        // At the first, the processor's limit ends the process by its own signal, so that the parent
        // knows why.
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most + u64::from(resource == Resource::Cpu)),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Where memory runs out, this process is to be killed and not its parent. Its own files belong to
/// it only while it is dumpable, and it holds no secret.
fn volunteer_for_the_kernel() {
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
