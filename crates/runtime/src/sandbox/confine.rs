//! What a sandbox may not do: capabilities, no_new_privs and a filter on system calls.

use std::{collections::BTreeMap, io};

use caps::{CapSet, Capability, CapsHashSet};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

use super::Profile;

/// What apps keep: enough to own files, change user and listen below port 1024, within their own user namespace.
const APP: [Capability; 8] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_SETGID,
    Capability::CAP_SETUID,
    Capability::CAP_NET_BIND_SERVICE,
];

/// Drop every capability the profile does not keep, for good.
pub(super) fn drop_capabilities(profile: Profile) -> Result<(), caps::errors::CapsError> {
    let mut keep: CapsHashSet = APP.into_iter().collect();
    match profile {
        Profile::App => {}
        // Maintainer scripts of packages chroot.
        Profile::Build => {
            keep.insert(Capability::CAP_SYS_CHROOT);
        }
    }
    for capability in caps::runtime::thread_all_supported() {
        if !keep.contains(&capability) {
            caps::drop(None, CapSet::Bounding, capability)?;
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())
}

/// Refused with EPERM. Most need a capability that is gone anyway; the filter also keeps the kernel code behind
/// them out of reach.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
];

/// Flags of clone(2) that make namespaces.
const NAMESPACES: [libc::c_int; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    0x80, // CLONE_NEWTIME
];

/// Socket families without use in a sandbox and with a history of kernel bugs, or that reach the hypervisor.
const FAMILIES: [libc::c_int; 2] = [libc::AF_ALG, libc::AF_VSOCK];

fn rule(arg: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(arg, SeccompCmpArgLen::Dword, op, value)?])
}

/// A filter that answers with `errno` when a rule matches and allows everything else.
fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    errno: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let errno = SeccompAction::Errno(errno.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)?.try_into()
}

fn programs(native_aio: bool) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|nr| (*nr, vec![])).collect();
    let mut clone = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::from(flag.cast_unsigned());
        clone.push(rule(0, SeccompCmpOp::MaskedEq(flag), flag)?);
    }
    refused.insert(libc::SYS_clone, clone);
    let mut socket = Vec::new();
    for family in FAMILIES {
        socket.push(rule(0, SeccompCmpOp::Eq, u64::from(family.cast_unsigned()))?);
    }
    refused.insert(libc::SYS_socket, socket);
    // Pushing characters into a terminal's input.
    refused.insert(libc::SYS_ioctl, vec![rule(1, SeccompCmpOp::Eq, libc::TIOCSTI)?]);

    // Its flags lie in memory, where a filter cannot look: claim that it does not exist, and libraries use clone(2).
    let mut missing = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    // A host has 65,536 events of it for everybody. Those who ask (databases, nginx) read and write without it then.
    if !native_aio {
        missing.insert(libc::SYS_io_setup, vec![]);
    }

    let mut refused = filter(refused, libc::EPERM)?;
    if cfg!(target_arch = "x86_64") {
        refused.splice(0..0, no_x32());
    }
    Ok([refused, filter(missing, libc::ENOSYS)?])
}

/// The x32 ABI has the same architecture number and other call numbers (bit 30 set), which would walk past the list.
fn no_x32() -> [sock_filter; 3] {
    // seccomp_data.nr lies at offset 0; a jump skips `jf` instructions when the comparison fails.
    let op = |code: u32, jf: u8, k: u32| sock_filter { code: code as u16, jt: 0, jf, k };
    [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0x4000_0000),
        op(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}

/// Set no_new_privs and install the filter, for this process and everything it starts.
pub(super) fn filter_system_calls(native_aio: bool) -> io::Result<()> {
    for program in programs(native_aio).map_err(io::Error::other)? {
        // Sets no_new_privs first.
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}
