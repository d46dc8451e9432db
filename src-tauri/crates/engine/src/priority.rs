use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// How far a thread stands behind the person's own work. Threads that it starts inherit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    Usual,
    /// Gives way, but makes progress on a busy machine: words, which people wait for.
    Low,
    /// The readers of an import: what they fill is emptied first.
    Lower,
    /// Runs when nothing else wants the core: embedding.
    Idle,
}

/// Of 0 to 99 as `thread-priority` counts: half-way down from usual to lowest, and most of the way.
const LOW: u8 = 20;
const LOWER: u8 = 8;

pub(crate) fn set_priority(priority: Priority) {
    let crossplatform = |value: u8| match ThreadPriorityValue::try_from(value) {
        Ok(value) => set_current_thread_priority(ThreadPriority::Crossplatform(value)),
        Err(_) => Ok(()),
    };
    let set = match priority {
        Priority::Usual => Ok(()),
        Priority::Low => crossplatform(LOW),
        Priority::Lower => crossplatform(LOWER),
        Priority::Idle => idle(),
    };
    if let Err(error) = set {
        tracing::warn!(?error, ?priority, "a background thread keeps its usual priority");
    }
}

#[cfg(target_os = "linux")]
fn idle() -> Result<(), thread_priority::Error> {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    set_current_thread_priority(ThreadPriority::Min)?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    )
}

#[cfg(not(target_os = "linux"))]
fn idle() -> Result<(), thread_priority::Error> {
    set_current_thread_priority(ThreadPriority::Min)
}
