//! Swap: what there is, and what `serve` would set up.

use std::path::Path;

use super::{Check, gib};
use crate::{
    modules,
    swap::{Area, Size, SwapSettings, areas, of_others, zram_compressor},
};

const NAME: &str = "swap";

/// Whether this kernel has zram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zram {
    Loaded,
    Loadable,
    Missing,
}

pub(super) fn swap(state: &Path, settings: SwapSettings) -> Check {
    let areas = areas();
    let (dir, own) = (state.join("swap"), state.join("swap/swapfile"));
    if !areas.is_empty() {
        let there = own.canonicalize().is_ok_and(|own| areas.iter().any(|a| a.path == own));
        let further = if there { 0 } else { settings.file_bytes(&dir).unwrap_or(0) };
        return present(&areas, settings, (further, of_others(&dir, &areas)));
    }
    let zram = if Path::new("/sys/class/zram-control").exists() {
        Zram::Loaded
    } else if modules::is_loadable("zram") {
        Zram::Loadable
    } else {
        Zram::Missing
    };
    // What cannot be looked at is not set up either.
    let sizes = [settings.zram_bytes(), settings.file_bytes(&dir)].map(|s| s.unwrap_or(0));
    absent(zram, settings, sizes)
}

/// `further` is the file that `serve` would add, and what other servers' files have already.
fn present(areas: &[Area], settings: SwapSettings, (further, of_others): (u64, u64)) -> Check {
    let shown = areas.iter().map(|a| {
        let whose = if a.is_dormouse { "ours" } else { "the host's" };
        let how = zram_compressor(&a.path).map(|c| format!("{c}, ")).unwrap_or_default();
        format!("{} ({how}{whose}, {} of {} MiB used)", a.path.display(), a.used >> 20, a.size >> 20)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let wanted = format!("settings: zram {}, file {}", typed(settings.zram), typed(settings.file));
    if areas.iter().all(|a| a.is_dormouse) {
        let adds = match (further, of_others) {
            (0, _) => String::new(),
            (size, 0) => format!("; `serve` adds a swap file of {}", amount(size)),
            (size, others) => format!(
                "; `serve` adds a swap file of {}, beside {} in those of other servers",
                amount(size),
                amount(others)
            ),
        };
        Check::ok(NAME, format!("{shown}; {wanted}{adds}"))
    } else {
        Check::ok(NAME, format!("{shown}; {wanted}, neither set up where the host has swap"))
    }
}

fn typed(size: Size) -> String {
    match size {
        Size::Auto => "auto".to_owned(),
        Size::Off => "off".to_owned(),
        Size::Bytes(bytes) => amount(bytes),
    }
}

fn amount(bytes: u64) -> String {
    if bytes < 1 << 30 { format!("{} MiB", bytes >> 20) } else { format!("{:.1} GiB", gib(bytes)) }
}

fn absent(kernel: Zram, settings: SwapSettings, [zram, file]: [u64; 2]) -> Check {
    let file = (file > 0).then(|| format!("a swap file of {}", amount(file)));
    let no_file = if settings.file == Size::Off { "no file (off)" } else { "no file (the disk is too full)" };
    if settings.zram == Size::Off || zram == 0 {
        return match file {
            Some(file) => Check::ok(NAME, format!("none now; `serve` sets up {file}, and no zram (off)")),
            None => Check::warn(
                NAME,
                format!("none, and `serve` sets up none: no zram (off), {no_file}"),
                "change [swap] in server.toml: without swap, apps that sleep keep their memory",
            ),
        };
    }
    let zram = amount(zram);
    match kernel {
        Zram::Loaded | Zram::Loadable => {
            let loads = if kernel == Zram::Loadable { "loads zram and " } else { "" };
            let behind = file.map_or_else(|| no_file.to_owned(), |f| format!("{f} behind it"));
            Check::ok(NAME, format!("none now; `serve` {loads}sets up zram (lz4) of {zram}, {behind}"))
        }
        Zram::Missing => Check::warn(
            NAME,
            match file {
                Some(file) => {
                    format!("none now, and this kernel has no zram (wanted: {zram}); `serve` sets up {file}")
                }
                None => {
                    format!("none, and none can be had: no zram in this kernel (wanted: {zram}), {no_file}")
                }
            },
            "install the kernel's extra modules: waking from zram is about ten times faster than from a file",
        ),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::Verdict, *};

    const SETTINGS: [(Size, Size); 4] = [
        (Size::Auto, Size::Auto),
        (Size::Off, Size::Bytes(4 << 30)),
        (Size::Bytes(512 << 20), Size::Off),
        (Size::Off, Size::Off),
    ];

    #[test]
    fn what_serve_would_set_up() {
        let mut rows = String::new();
        for (zram, file) in SETTINGS {
            let auto = |size, auto| match size {
                Size::Auto => auto,
                Size::Off => 0,
                Size::Bytes(bytes) => bytes,
            };
            for kernel in [Zram::Loaded, Zram::Loadable, Zram::Missing] {
                let sizes = [auto(zram, 3 << 30), auto(file, 8 << 30)];
                let check = absent(kernel, SwapSettings { zram, file }, sizes);
                assert_eq!(check.hint.is_none(), check.verdict == Verdict::Ok);
                rows += &format!("{:?}: {}\n", check.verdict, check.detail);
            }
        }
        let full = absent(Zram::Loaded, SwapSettings::default(), [3 << 30, 0]);
        rows += &format!("{:?}: {}\n", full.verdict, full.detail);
        expect![[r#"
            Ok: none now; `serve` sets up zram (lz4) of 3.0 GiB, a swap file of 8.0 GiB behind it
            Ok: none now; `serve` loads zram and sets up zram (lz4) of 3.0 GiB, a swap file of 8.0 GiB behind it
            Warn: none now, and this kernel has no zram (wanted: 3.0 GiB); `serve` sets up a swap file of 8.0 GiB
            Ok: none now; `serve` sets up a swap file of 4.0 GiB, and no zram (off)
            Ok: none now; `serve` sets up a swap file of 4.0 GiB, and no zram (off)
            Ok: none now; `serve` sets up a swap file of 4.0 GiB, and no zram (off)
            Ok: none now; `serve` sets up zram (lz4) of 512 MiB, no file (off)
            Ok: none now; `serve` loads zram and sets up zram (lz4) of 512 MiB, no file (off)
            Warn: none, and none can be had: no zram in this kernel (wanted: 512 MiB), no file (off)
            Warn: none, and `serve` sets up none: no zram (off), no file (off)
            Warn: none, and `serve` sets up none: no zram (off), no file (off)
            Warn: none, and `serve` sets up none: no zram (off), no file (off)
            Ok: none now; `serve` sets up zram (lz4) of 3.0 GiB, no file (the disk is too full)
        "#]].assert_eq(&rows);
    }

    #[test]
    fn what_there_is() {
        let area = |path: &str, is_dormouse| Area {
            path: path.into(),
            size: 3 << 30,
            used: 5 << 20,
            label: String::new(),
            is_dormouse,
        };
        let mut rows = String::new();
        for (zram, file) in SETTINGS {
            for ours in [true, false] {
                let check =
                    present(&[area("/nonexistent/swapfile", ours)], SwapSettings { zram, file }, (0, 0));
                rows += &format!("{:?}: {}\n", check.verdict, check.detail);
            }
        }
        for others in [0, 3 << 30] {
            let areas = [area("/nonexistent/swapfile", true)];
            let check = present(&areas, SwapSettings::default(), (2 << 30, others));
            rows += &format!("{:?}: {}\n", check.verdict, check.detail);
        }
        expect![[r#"
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram auto, file auto
            Ok: /nonexistent/swapfile (the host's, 5 of 3072 MiB used); settings: zram auto, file auto, neither set up where the host has swap
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram off, file 4.0 GiB
            Ok: /nonexistent/swapfile (the host's, 5 of 3072 MiB used); settings: zram off, file 4.0 GiB, neither set up where the host has swap
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram 512 MiB, file off
            Ok: /nonexistent/swapfile (the host's, 5 of 3072 MiB used); settings: zram 512 MiB, file off, neither set up where the host has swap
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram off, file off
            Ok: /nonexistent/swapfile (the host's, 5 of 3072 MiB used); settings: zram off, file off, neither set up where the host has swap
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram auto, file auto; `serve` adds a swap file of 2.0 GiB
            Ok: /nonexistent/swapfile (ours, 5 of 3072 MiB used); settings: zram auto, file auto; `serve` adds a swap file of 2.0 GiB, beside 3.0 GiB in those of other servers
        "#]].assert_eq(&rows);
    }
}
