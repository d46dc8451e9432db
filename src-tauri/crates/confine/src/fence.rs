//! What a confined process takes from itself before it looks at anything: memory, files, network,
//! other processes. Everything here is for good.

#[cfg(target_os = "linux")]
use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::Fences;

/// Processor seconds of one process, whatever it is asked: ends one whose parent is gone.
const CPU_SECONDS: u64 = 900;
/// Bytes of any file that it writes: there is only the one that its last words go to.
const FILE_BYTES: u64 = 64 << 10;

/// `memory`: bytes that may be taken beyond what the process has already.
pub(crate) fn raise(memory: u64) -> Fences {
    let (size, data) = taken();
    let landlock = no_files_no_network();
    let limits = [
        (Resource::As, size.saturating_add(memory)),
        (Resource::Data, data.saturating_add(memory)),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Fsize, FILE_BYTES),
        (Resource::Core, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, most) in limits {
        let most = Some(most);
        // Not every system has every limit; the parent watches time and output itself.
        let _ = setrlimit(resource, Rlimit { current: most, maximum: most });
    }
    Fences { landlock, seccomp: only_computing() }
}

/// Bytes of address space and of writable memory that the process has already.
#[cfg(target_os = "linux")]
fn taken() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    let bytes = |name: &str| of(name).unwrap_or_default() << 10;
    (bytes("VmSize:"), bytes("VmData:"))
}

#[cfg(not(target_os = "linux"))]
fn taken() -> (u64, u64) {
    (0, 0)
}

#[cfg(not(target_os = "linux"))]
fn no_files_no_network() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn only_computing() -> bool {
    false
}

/// Handles every right that the kernel knows and grants none.
#[cfg(target_os = "linux")]
fn no_files_no_network() -> bool {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
    };
    // Those of this version which the kernel lacks are left out by the library.
    const KNOWN: ABI = ABI::V6;
    let enforce = || {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            .restrict_self()?;
        Ok::<bool, RulesetError>(status.ruleset != RulesetStatus::NotEnforced)
    };
    enforce().unwrap_or_default()
}

/// Leaves the system calls of computing and of talking on what is open. All others fail with
/// “not permitted”, so that a library that tries one in vain can go on.
#[cfg(target_os = "linux")]
fn only_computing() -> bool {
    use seccompiler::{BpfProgram, apply_filter};
    let apply = || {
        let program = BpfProgram::try_from(filter()?)?;
        apply_filter(&program)
    };
    apply().is_ok()
}

#[cfg(target_os = "linux")]
fn filter() -> Result<seccompiler::SeccompFilter, seccompiler::BackendError> {
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };
    let always = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        always.into_iter().map(|call| (call, Vec::new())).collect();
    // Memory, but none that can be executed.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let executable = libc::PROT_EXEC as u64;
        let plain = SeccompCondition::new(
            2,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(executable),
            0,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![plain])?]);
    }
    // Signals to itself alone: how it aborts.
    let own = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(std::process::id()),
    )?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )
}
