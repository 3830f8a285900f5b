//! Running the packages' own scripts, in a sandbox.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use dormouse_backend::Stream;
use dormouse_images::LayerDraft;
use dormouse_model::{ExitStatus, Limits};
use dormouse_runtime::{Mount, Profile, Resolver, RunSpec, Sandboxes, Share};
use tokio::sync::mpsc;

use super::{
    BaseError, dpkg::Unpacked, error::At, fetch::shown, settings::BaseSettings, signature::DEBIAN_KEYRING,
    sources::SignedBy,
};
use crate::hostnet::Host;

const SCRIPT: &str = include_str!("configure.sh");
const SCRIPT_INSIDE: &str = "/run/dormouse-configure";

/// Lines of output kept to say why the scripts failed.
const TAIL: usize = 30;

/// Scripts of packages start no services: nothing would stop them again.
const POLICY: &str = "#!/bin/sh\n# Nothing is started while an image is made.\nexit 101\n";

/// What later installations leave out too.
const DPKG: &str = "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n\
    path-exclude=/usr/share/man/*\npath-exclude=/usr/share/info/*\npath-exclude=/usr/share/lintian/*\n\
    path-exclude=/usr/share/linda/*\npath-exclude=/usr/share/groff/*\npath-exclude=/usr/share/locale/*\n\
    path-include=/usr/share/locale/locale.alias\nforce-unsafe-io\n";
const APT: &str = "APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\n\
    Acquire::Languages \"none\";\nDir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n";

/// What must be there before the first package: the merged `/usr`, which packages rely on and none brings.
pub(super) fn skeleton(root: &Path, arch: &str) -> Result<(), BaseError> {
    let more: &[&str] = if arch == "amd64" { &["lib64"] } else { &[] };
    for dir in ["bin", "sbin", "lib"].iter().chain(more) {
        let real = root.join("usr").join(dir);
        fs::create_dir_all(&real).at("create", &real)?;
        symlink(format!("usr/{dir}"), root.join(dir)).at("create", &root.join(dir))?;
    }
    Ok(())
}

/// Settings that belong to the base and to no package.
pub(super) fn files(root: &Path, settings: &BaseSettings, host: &Host) -> Result<(), BaseError> {
    let (sources, keys) = apt_sources(settings, host)?;
    for (path, bytes) in keys {
        let path = root.join(path.strip_prefix("/").unwrap_or(&path));
        let dir = path.parent().unwrap_or(root);
        fs::create_dir_all(dir).at("create", dir)?;
        fs::write(&path, bytes).at("write", &path)?;
    }
    for (path, text, mode) in [
        ("usr/sbin/policy-rc.d", POLICY, 0o755),
        ("etc/dpkg/dpkg.cfg.d/dormouse", DPKG, 0o644),
        ("etc/apt/apt.conf.d/90dormouse", APT, 0o644),
        ("etc/apt/sources.list.d/debian.sources", &sources, 0o644),
    ] {
        let path = root.join(path);
        let dir = path.parent().unwrap_or(root);
        fs::create_dir_all(dir).at("create", dir)?;
        fs::write(&path, text).at("write", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).at("set the mode of", &path)?;
    }
    Ok(())
}

/// Keyrings by their path in the base.
type Keys = Vec<(PathBuf, Vec<u8>)>;

/// The sources the base itself was made of, for apt in sandboxes; without credentials, which are none of an image's
/// business. With them come the keys that the base would not have by itself.
fn apt_sources(settings: &BaseSettings, host: &Host) -> Result<(String, Keys), BaseError> {
    let mut text = String::new();
    let mut keys = Keys::new();
    for archive in &settings.archives {
        let own = format!("/etc/apt/keyrings/{}", archive.suite);
        let signed_by: Vec<String> = match &archive.signed_by {
            SignedBy::Debian => vec![DEBIAN_KEYRING.to_owned()],
            SignedBy::Inline(key) => {
                keys.push((format!("{own}.asc").into(), key.clone().into_bytes()));
                vec![format!("{own}.asc")]
            }
            SignedBy::Files(files) => {
                let mut paths = Vec::new();
                for (n, file) in files.iter().enumerate() {
                    if file == Path::new(DEBIAN_KEYRING) {
                        paths.push(DEBIAN_KEYRING.to_owned());
                        continue;
                    }
                    let bytes = fs::read(host.path(file)).at("read the keyring", file)?;
                    let end = if bytes.starts_with(b"-----BEGIN") { "asc" } else { "gpg" };
                    paths.push(format!("{own}-{n}.{end}"));
                    keys.push((format!("{own}-{n}.{end}").into(), bytes));
                }
                paths
            }
        };
        let roots: Vec<_> = archive.roots.iter().map(|r| shown(r).trim_end_matches('/').to_owned()).collect();
        text.push_str(&format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nSigned-By: {}\n\n",
            roots.join(" "),
            archive.suite,
            signed_by.join(" ")
        ));
    }
    Ok((text, keys))
}

/// Configure everything unpacked in `draft`.
pub(super) async fn run(
    sandboxes: &Sandboxes,
    draft: &LayerDraft,
    packages: &[Unpacked],
    arch: &str,
) -> Result<(), BaseError> {
    // Beside the layer, not in it.
    let script = draft.work_path().join("configure");
    fs::write(&script, SCRIPT).at("write", &script)?;
    let mut argv = vec!["/bin/sh".to_owned(), SCRIPT_INSIDE.to_owned()];
    argv.extend(packages.iter().filter(|p| p.has_preinst()).map(|p| p.info.clone()));
    let env = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DPKG_MAINTSCRIPT_ARCH", arch),
    ];
    let spec = RunSpec {
        name: format!("base-{}", std::process::id()),
        lowers: Vec::new(),
        upper: draft.path().to_owned(),
        argv,
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
        cwd: "/".into(),
        mounts: vec![Mount { source: script, target: SCRIPT_INSIDE.into(), read_only: true }],
        limits: Limits { memory: 1 << 30, cpu_milli: 4000, pids: 512, ..Limits::default() },
        time_limit: Duration::from_secs(600),
        silence_limit: None,
        room: None,
        network: false,
        resolver: Resolver::Host,
        profile: Profile::Build,
        share: Share::Build,
    };
    let (lines, mut output) = mpsc::channel::<(Stream, String)>(TAIL);
    let mut tail = VecDeque::new();
    let forward = async {
        while let Some((stream, text)) = output.recv().await {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            // Hundreds of lines that matter to nobody as long as all goes well.
            tracing::debug!(stream = ?stream, "{text}");
            tail.push_back(text);
        }
    };
    let (end, ()) = tokio::join!(sandboxes.run(spec, lines), forward);
    let end = end?;
    let how = match end.status {
        ExitStatus::Code(0) if end.cut.is_none() => return Ok(()),
        _ if end.cut.is_some() => "it took longer than 10 minutes".to_owned(),
        ExitStatus::Code(code) => format!("it ended with code {code}"),
        ExitStatus::Signal(signal) => format!("it was ended by signal {signal}"),
        ExitStatus::OutOfMemory => "it needed more than 1 GiB of memory".to_owned(),
        ExitStatus::Lost => "its end was not recorded".to_owned(),
    };
    let said: Vec<_> = tail.into_iter().collect();
    Err(BaseError::Configure(format!("{how}; it said last:\n{}", said.join("\n"))))
}
