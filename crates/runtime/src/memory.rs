//! The allocator's memory.

/// Return what the allocator holds and nobody uses to the host.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes the allocator's own locks and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
