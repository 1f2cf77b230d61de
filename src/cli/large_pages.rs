//! Puts the code of the running process on large pages: a request that meets cold caches would
//! otherwise wait for a page walk at nearly every function. Never changes what the code is.
//!
//! The kernel maps the binary by pages of 4 KiB. The whole large pages within its text are copied
//! to anonymous memory, for which the kernel gives large pages, and moved over the mapping of the
//! file. What the kernel or a sandbox refuses (`MemoryDenyWriteExecute`, `SELinux` `execmem`)
//! leaves the mapping of the file as it was.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr;

use rustix::mm::{Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};
use rustix::mm::{madvise, mmap_anonymous, mprotect, mremap_fixed, munmap};

/// Moves the code unless `TIDEGATE_LARGE_PAGES` is `off`, and returns how many bytes it moved.
///
/// Profilers find names by the file behind an address, so they want it off.
///
/// # Errors
/// What the kernel refused. The code is then where it was.
pub(super) fn hold_code() -> io::Result<usize> {
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "off") || !are_enabled() {
        return Ok(0);
    }
    let binary = std::fs::read_link("/proc/self/exe")?;
    let maps = text_of("/proc/self/maps")?;
    match binary.to_str().and_then(|binary| code_of(&maps, binary)) {
        Some(code) => hold(&whole_pages(&code)),
        None => Ok(0),
    }
}

/// Whether the kernel gives large pages to those who ask.
fn are_enabled() -> bool {
    let modes = text_of("/sys/kernel/mm/transparent_hugepage/enabled");
    modes.is_ok_and(|modes| !modes.contains("[never]"))
}

#[expect(clippy::disallowed_methods, reason = "before there are workers to block")]
fn text_of(file: &str) -> io::Result<String> {
    std::fs::read_to_string(file)
}

/// The addresses of the executable part of `binary`, from the text of `/proc/self/maps`.
fn code_of(maps: &str, binary: &str) -> Option<Range<usize>> {
    let line = maps.lines().find(|line| line.contains(" r-xp ") && line.ends_with(binary))?;
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

/// The large pages that lie within `range` as a whole.
fn whole_pages(range: &Range<usize>) -> Range<usize> {
    let start = range.start.next_multiple_of(LARGE_PAGE);
    start..(range.end / LARGE_PAGE * LARGE_PAGE).max(start)
}

#[expect(unsafe_code, reason = "mappings are no safe matter, and no package does this")]
fn hold(code: &Range<usize>) -> io::Result<usize> {
    if code.is_empty() {
        return Ok(0);
    }
    let copy = Copy::new(code.len())?;
    // SAFETY: both are mapped and `code.len()` bytes long, they do not overlap, and only this
    // function knows the copy.
    unsafe {
        ptr::copy_nonoverlapping(at(code.start).cast::<u8>(), at(copy.start).cast(), copy.len);
    };
    let rights = MprotectFlags::READ | MprotectFlags::EXEC;
    // SAFETY: the copy is ours.
    unsafe { mprotect(at(copy.start), copy.len, rights)? };
    let may_move = MremapFlags::MAYMOVE;
    // SAFETY: the new pages hold the same bytes with the same rights, and the kernel swaps one for
    // the other under its lock on the address space: no thread meets anything else there.
    unsafe { mremap_fixed(at(copy.start), copy.len, copy.len, may_move, at(code.start))? };
    std::mem::forget(copy); // it lives where the code was
    Ok(code.len())
}

/// Anonymous memory of whole large pages, given back on drop.
struct Copy {
    len: usize,
    start: usize,
}

#[expect(unsafe_code, reason = "mappings are no safe matter, and no package does this")]
impl Copy {
    fn new(len: usize) -> io::Result<Self> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let mapped = len + LARGE_PAGE;
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing.
        let block = unsafe { mmap_anonymous(ptr::null_mut(), mapped, rights, MapFlags::PRIVATE)? };
        let block = block.expose_provenance();
        let start = block.next_multiple_of(LARGE_PAGE);
        let (front, back) = (start - block, block + LARGE_PAGE - start);
        for (slack, len) in [(block, front), (start + len, back)] {
            if len > 0 {
                // SAFETY: a part of the fresh block that nobody has used.
                unsafe { munmap(at(slack), len)? };
            }
        }
        let copy = Self { len, start };
        // SAFETY: the rest of the fresh block.
        unsafe { madvise(at(start), len, Advice::LinuxHugepage)? };
        Ok(copy)
    }
}

#[expect(unsafe_code, reason = "mappings are no safe matter, and no package does this")]
impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: the block is ours, nothing refers to it, and it was not moved away.
        let _kept = unsafe { munmap(at(self.start), self.len) };
    }
}

fn at(address: usize) -> *mut c_void {
    ptr::with_exposed_provenance_mut(address)
}

const VARIABLE: &str = "TIDEGATE_LARGE_PAGES";
/// Bytes of a large page of `x86_64`, and of `aarch64` with pages of 4 KiB.
const LARGE_PAGE: usize = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_executable_part_of_the_binary() {
        let maps = "5600000000-5600200000 r--p 00000000 fe:00 1 /opt/tidegate\n\
                    5600200000-5600900000 r-xp 001ff000 fe:00 1 /opt/tidegate\n\
                    7f00000000-7f00100000 r-xp 00000000 fe:00 2 /lib/libc.so.6\n";
        assert_eq!(code_of(maps, "/opt/tidegate"), Some(0x56_0020_0000..0x56_0090_0000));
        assert_eq!(code_of(maps, "/opt/other"), None);
    }

    #[test]
    fn only_whole_pages_are_moved() {
        let page = LARGE_PAGE;
        assert_eq!(whole_pages(&(page + 1..4 * page + 5)), 2 * page..4 * page);
        assert_eq!(whole_pages(&(page..2 * page)), page..2 * page);
        assert!(whole_pages(&(page + 1..2 * page + 9)).is_empty());
    }
}
