//! Reading a source folder: what of it belongs, where its links lead, what is left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use dormouse_model::source::{DockerIgnore, Links, names_along, secret, text, within};
use sha2::{Digest as _, Sha256};

use super::{Digest, Entry, Kind, Source};
use crate::plan::{Content, Listing, MAX_TEXT, PlanError, Reads};

/// Folders that never belong into an image: they are made again, or are the history of the source.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".ipynb_checkpoints",
    "node_modules",
];

/// Files that only say what is left out, and leftovers of editors and desktops: an open editor must not look like a
/// change, and no app reads them.
fn is_noise(name: &str) -> bool {
    let vim = |name: &str| name.starts_with('.') && name.len() > 5 && name[..name.len() - 1].ends_with(".sw");
    let emacs = |name: &str| name.starts_with(".#") || (name.starts_with('#') && name.ends_with('#'));
    [".gitignore", ".dormouseignore", ".DS_Store", "Thumbs.db"].contains(&name)
        || DOCKERIGNORES.contains(&name)
        || name.ends_with('~')
        || name.starts_with(".~lock.")
        || emacs(name)
        || (name.is_ascii() && vim(name))
}

/// The first that is there counts, as it does for Docker.
const DOCKERIGNORES: [&str; 2] = ["Dockerfile.dockerignore", ".dockerignore"];

/// Most files of one source; links to folders could make any number of them.
const MAX_ENTRIES: usize = 400_000;

/// Secrets named at most when they are left out; the rest is counted.
const TOLD: usize = 20;

/// Why a source folder is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The host's fault.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The project's.
    #[error(transparent)]
    Refused(#[from] PlanError),
}

/// What to read, and what is known of it.
pub(crate) struct Folder<'a> {
    /// The service's source folder.
    pub(crate) source: &'a Path,
    /// The project's, in which it lies. Links may lead anywhere in there.
    pub(crate) project: &'a Path,
    /// Paths below the source folder that are wanted whatever speaks against them.
    pub(crate) include: &'a BTreeSet<String>,
    /// Whether a path below it is another service's, or none's.
    pub(crate) leaves_out: &'a dyn Fn(&Path) -> bool,
    /// Files, as seen from the source folder, that hold secrets whatever they are called: so does what has their bytes.
    pub(crate) withheld: &'a [&'a str],
    /// How planning looks into a file, if it does.
    pub(crate) reads: HowRead,
}

/// How planning looks into the file at a path, if it does.
type HowRead = fn(&Path) -> Option<Reads>;

/// A reading under way.
struct Reading<'a> {
    source: PathBuf,
    project: PathBuf,
    include: &'a BTreeSet<String>,
    leaves_out: &'a dyn Fn(&Path) -> bool,
    ignored: DockerIgnore,
    entries: Vec<Entry>,
    files: BTreeMap<String, Content>,
    links: Links,
    /// The real folders that it is inside of, the outermost first.
    above: Vec<PathBuf>,
    secrets: Vec<String>,
    withheld: BTreeSet<Digest>,
    reads: HowRead,
}

/// A folder that is copied as a whole: the source, or one that a link out of it leads to.
#[derive(Clone, Copy)]
struct Tree<'t> {
    /// Where it really is.
    real: &'t Path,
    /// Where it is in the source.
    at: &'t Path,
    /// Its paths in the project: that of the folder itself, and those of links that lead to it.
    names: &'t [String],
}

impl Source {
    /// Read the folder.
    ///
    /// Links within it stay links. Those that lead to other parts of the project bring along what they lead to, since the
    /// image has nothing else of the project. No link is followed out of the project: it could lead anywhere on this host.
    pub(crate) fn read(folder: &Folder<'_>) -> Result<Self, ReadError> {
        let source = folder.source.canonicalize()?;
        let mut reading = Reading {
            project: folder.project.canonicalize()?,
            include: folder.include,
            leaves_out: folder.leaves_out,
            ignored: dockerignore(&source)?,
            entries: Vec::new(),
            files: BTreeMap::new(),
            links: Links::default(),
            above: Vec::new(),
            secrets: Vec::new(),
            withheld: withheld(folder)?,
            reads: folder.reads,
            source: source.clone(),
        };
        let names = Vec::from_iter(reading.in_project(&source));
        let tree = Tree { real: &source, at: Path::new(""), names: &names };
        reading.folder(tree, &source, Path::new(""))?;
        let notes = left_out(&reading.secrets).into_iter().collect();
        let listing = Listing::new(reading.files, reading.links);
        Ok(Self { digest: super::digest(&reading.entries), entries: reading.entries, listing, notes })
    }
}

impl Reading<'_> {
    /// Everything in a folder: `real` is where it is on this host, `at` where it is in the source.
    fn folder(&mut self, tree: Tree<'_>, real: &Path, at: &Path) -> Result<(), ReadError> {
        self.above.push(real.to_owned());
        for name in names(real)? {
            self.entry(tree, &real.join(&name), at.join(name))?;
            if self.entries.len() > MAX_ENTRIES {
                let why = format!("it has more than {MAX_ENTRIES} files");
                return Err(PlanError::new(why, "look for links that lead back into their own folder").into());
            }
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, tree: Tree<'_>, real: &Path, at: PathBuf) -> Result<(), ReadError> {
        if (self.leaves_out)(&at) {
            return Ok(());
        }
        let kind = fs::symlink_metadata(real)?.file_type();
        if kind.is_symlink() {
            return self.link(tree, real, at);
        }
        if kind.is_dir() {
            return self.subfolder(tree, real, at);
        }
        // Sockets, pipes and devices have no content to build from.
        if kind.is_file() && !self.is_out(&at) && !self.is_noise(&at) {
            let names = names_in(tree, &at);
            self.file(real, at, &names)
        } else {
            Ok(())
        }
    }

    fn subfolder(&mut self, tree: Tree<'_>, real: &Path, at: PathBuf) -> Result<(), ReadError> {
        if is_made_again(real) && !self.is_asked_for(&at) {
            return Ok(());
        }
        let is_out = self.is_out(&at);
        if is_out && !self.ignored.has_exceptions() && !self.asks_for_something_in(&at) {
            return Ok(());
        }
        let before = self.entries.len();
        self.entries.push(Entry { path: at.clone(), from: real.to_owned(), kind: Kind::Folder });
        self.folder(tree, real, &at)?;
        if is_out && self.entries.len() == before + 1 {
            self.entries.pop();
        }
        Ok(())
    }

    /// A file, and the paths that it has in the project beside that in the source.
    fn file(&mut self, real: &Path, at: PathBuf, names: &[String]) -> Result<(), ReadError> {
        let name = at.to_str();
        let all = name.into_iter().chain(names.iter().map(String::as_str));
        let free = self.is_asked_for(&at);
        let shown = || at.to_string_lossy().into_owned();
        if !free && secret::holds(all, || head(real))? {
            self.secrets.push(shown());
            return Ok(());
        }
        let (content, digest) = read_file(real, &at, self.reads)?;
        if !free && self.withheld.contains(&digest) {
            self.secrets.push(shown());
            return Ok(());
        }
        if let Some(name) = name {
            self.files.insert(name.to_owned(), content);
        }
        let executable = fs::metadata(real)?.mode() & 0o111 != 0;
        let kind = Kind::File { executable, digest };
        self.entries.push(Entry { path: at, from: real.to_owned(), kind });
        Ok(())
    }

    fn link(&mut self, tree: Tree<'_>, real: &Path, at: PathBuf) -> Result<(), ReadError> {
        if self.is_out(&at) || self.is_noise(&at) {
            return Ok(());
        }
        let raw = fs::read_link(real)?;
        let target = real.canonicalize().ok().filter(|t| t.starts_with(&self.project));
        let Some(target) = target else {
            // It leads nowhere here, and nowhere in the image.
            if let Some(name) = at.to_str().filter(|name| (self.reads)(Path::new(name)).is_some()) {
                self.files.insert(name.to_owned(), Content::Lost);
            }
            return self.keep(real, at, raw);
        };
        if let Ok(below) = target.strip_prefix(tree.real) {
            let to = tree.at.join(below);
            return self.inner(real, at, raw, &target, &to);
        }
        if let Ok(below) = target.strip_prefix(&self.source) {
            let to = below.to_owned();
            return self.inner(real, at, raw, &target, &to);
        }
        let mut names = names_in(tree, &at);
        if let Some(link) = self.in_project(real) {
            names.extend(names_along(&link, |path| fs::read_link(self.project.join(path)).ok()));
        }
        names.extend(self.in_project(&target));
        let is_loop = self.above.iter().any(|above| above.starts_with(&target));
        match (target.is_dir(), is_loop) {
            (true, true) => self.keep(real, at, raw),
            (true, false) => {
                let tree = Tree { real: &target, at: &at, names: &names };
                self.entries.push(Entry { path: at.clone(), from: target.clone(), kind: Kind::Folder });
                self.folder(tree, &target, &at)
            }
            (false, _) => self.file(&target, at, &names),
        }
    }

    /// A link to something that the image has too, at `to`.
    fn inner(
        &mut self,
        real: &Path,
        at: PathBuf,
        raw: PathBuf,
        target: &Path,
        to: &Path,
    ) -> Result<(), ReadError> {
        if let (Some(name), Some(to)) = (at.to_str(), to.to_str()) {
            if target.is_dir() {
                self.links.add(name, to);
            } else if target.is_file() {
                let (content, _) = read_file(target, &at, self.reads)?;
                self.files.insert(name.to_owned(), content);
            }
        }
        let folder = at.parent().unwrap_or(Path::new(""));
        let stays = !raw.is_absolute() && within(folder, &raw).is_some_and(|by_letters| by_letters == *to);
        let raw = if stays { raw } else { relative(folder, to) };
        self.keep(real, at, raw)
    }

    fn keep(&mut self, real: &Path, at: PathBuf, target: PathBuf) -> Result<(), ReadError> {
        self.entries.push(Entry { path: at, from: real.to_owned(), kind: Kind::Link(target) });
        Ok(())
    }

    /// Where something is in the project.
    fn in_project(&self, real: &Path) -> Option<String> {
        Some(real.strip_prefix(&self.project).ok()?.to_str()?.to_owned())
    }

    fn is_out(&self, at: &Path) -> bool {
        !self.is_asked_for(at) && at.to_str().is_some_and(|path| self.ignored.leaves_out(path))
    }

    fn is_noise(&self, at: &Path) -> bool {
        !self.is_asked_for(at) && at.file_name().and_then(|n| n.to_str()).is_some_and(is_noise)
    }

    /// Whether the manifest names it, or a folder above it that would not be there otherwise.
    fn is_asked_for(&self, at: &Path) -> bool {
        let named = |path: &Path| path.to_str().is_some_and(|p| self.include.contains(p));
        let is_special = |path: &Path| {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            LEFT_OUT.contains(&name) || secret::is_folder(name)
        };
        named(at) || at.ancestors().skip(1).any(|above| is_special(above) && named(above))
    }

    fn asks_for_something_in(&self, folder: &Path) -> bool {
        self.include.iter().any(|path| Path::new(path).starts_with(folder))
    }
}

/// The paths in the project of what is at a path in the source.
fn names_in(tree: Tree<'_>, at: &Path) -> Vec<String> {
    let Ok(below) = at.strip_prefix(tree.at) else { return Vec::new() };
    tree.names.iter().filter_map(|name| Some(Path::new(name).join(below).to_str()?.to_owned())).collect()
}

/// Digests of files that are withheld. What is blank holds nothing, and has the bytes of many others.
fn withheld(folder: &Folder<'_>) -> Result<BTreeSet<Digest>, ReadError> {
    let project = folder.project.canonicalize()?;
    let mut digests = BTreeSet::new();
    for path in folder.withheld {
        let real = folder.source.join(path).canonicalize().ok();
        let Some(real) = real.filter(|real| real.starts_with(&project) && real.is_file()) else { continue };
        if !head(&real)?.trim_ascii().is_empty() {
            digests.insert(read_file(&real, Path::new(""), |_| None)?.1);
        }
    }
    Ok(digests)
}

/// The patterns of the folder's `.dockerignore`, or of that of its Dockerfile.
fn dockerignore(source: &Path) -> Result<DockerIgnore, ReadError> {
    let there = |name: &&str| source.join(name).symlink_metadata().is_ok();
    let Some(name) = DOCKERIGNORES.into_iter().find(there) else { return Ok(DockerIgnore::default()) };
    // Unread, it would let through what it was written to hold back.
    let bytes = fs::read(source.join(name))
        .map_err(|e| PlanError::new(format!("{name} cannot be read: {e}"), "make it a file, or remove it"))?;
    let refused = |why: String, hint: String| PlanError::new(format!("{name}: {why}"), hint);
    let text = text::decode(&bytes).map_err(|e| refused(e.to_string(), e.hint()))?;
    let parsed = DockerIgnore::parse(&text);
    Ok(parsed.map_err(|e| refused(e.to_string(), "mend the pattern, or remove it".to_owned()))?)
}

/// The first bytes of a file, as many as tell whether it holds secrets.
fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file)?.take(secret::HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn left_out(secrets: &[String]) -> Option<String> {
    let told: Vec<_> = secrets.iter().take(TOLD).map(|s| format!("`{s}`")).collect();
    let more = secrets.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!told.is_empty())
        .then(|| format!("left out of the image, as they hold secrets: {}{more}", told.join(", ")))
}

/// Whether a folder is made again, or history.
fn is_made_again(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    LEFT_OUT.iter().any(|n| name == *n)
        // A virtual environment under any other name.
        || folder.join("pyvenv.cfg").is_file()
        || is_cache(folder)
}

/// Whether a folder says of itself that it can be made again, as cargo's does (<https://bford.info/cachedir/>).
fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    tag.symlink_metadata().is_ok_and(|m| m.is_file())
        && fs::read(tag).is_ok_and(|t| t.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"))
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names: Vec<_> = fs::read_dir(folder)?.map(|e| Ok(e?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// The way from a folder to a path, both seen from the same place.
fn relative(folder: &Path, to: &Path) -> PathBuf {
    let up: PathBuf = folder.components().map(|_| std::path::Component::ParentDir).collect();
    let way = up.join(to);
    if way.as_os_str().is_empty() { ".".into() } else { way }
}

/// What planning sees of a file, and the digest of its content.
fn read_file(real: &Path, at: &Path, reads: HowRead) -> io::Result<(Content, Digest)> {
    let mut file = File::open(real)?;
    let bytes = file.metadata()?.len();
    let reads = reads(at);
    if let Some(reads) = reads.filter(|_| bytes <= MAX_TEXT) {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok((Content::of(reads, &bytes), Sha256::digest(&bytes).into()));
    }
    let content = if reads.is_some() { Content::TooLarge(bytes) } else { Content::Other };
    let mut hash = Sha256::new();
    let mut buf = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok((content, hash.finalize().into())),
            n => hash.update(&buf[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Project(tempfile::TempDir);

    impl Project {
        fn new(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("web")).unwrap();
            for (path, text) in files {
                let path = dir.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(dir)
        }

        fn link(self, path: &str, target: &str) -> Self {
            symlink(target, self.0.path().join(path)).unwrap();
            self
        }

        fn read(&self, include: &str) -> Result<Source, ReadError> {
            let include = include.split_whitespace().map(str::to_owned).collect();
            let source = self.0.path().join("web");
            Source::read(&Folder {
                source: &source,
                project: self.0.path(),
                include: &include,
                leaves_out: &|_| false,
                withheld: &["../vars.txt", "own.vars", "../empty"],
                reads: crate::language::reads,
            })
        }

        /// What the image has, links with their targets.
        fn image(&self, include: &str) -> String {
            let source = self.read(include).unwrap();
            let to = tempfile::tempdir().unwrap();
            source.copy_to(to.path()).unwrap();
            let shown = source.entries.iter().map(|e| match &e.kind {
                Kind::Folder => format!("{}/", e.path.display()),
                Kind::File { .. } => e.path.display().to_string(),
                Kind::Link(target) => format!("{}->{}", e.path.display(), target.display()),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn dockerignore_is_honoured() {
        let files = [
            ("web/.dockerignore", "keys.env\n*.csv\nnotes\n!notes/keep.md\ncache\n"),
            ("web/main.py", ""),
            ("web/keys.env", ""),
            ("web/big.csv", ""),
            ("web/data/small.csv", ""),
            ("web/notes/a.md", ""),
            ("web/notes/keep.md", ""),
            ("web/cache/x", ""),
        ];
        assert_eq!(Project::new(&files).image(""), "data/ data/small.csv main.py notes/ notes/keep.md");
        assert_eq!(
            Project::new(&files).image("keys.env cache/x"),
            "cache/ cache/x data/ data/small.csv keys.env main.py notes/ notes/keep.md"
        );
        let of_dockerfile = [
            ("web/.dockerignore", "main.py\n"),
            ("web/Dockerfile.dockerignore", "*.csv\n"),
            ("web/main.py", ""),
            ("web/big.csv", ""),
        ];
        assert_eq!(Project::new(&of_dockerfile).image(""), "main.py");
        // Not that of the folder above: it is of another context.
        let above = [(".dockerignore", "web"), ("web/main.py", "")];
        assert_eq!(Project::new(&above).image(""), "main.py");
        for (text, want) in [
            ("ok\n[", ".dockerignore: line 2: `[` is not a pattern: a `[` is not closed"),
            ("a\0b\0", ".dockerignore: line 1 is not text: byte 2 of the file is NUL"),
        ] {
            let error = Project::new(&[("web/.dockerignore", text)]).read("").unwrap_err().to_string();
            assert!(error.starts_with(want), "{error}");
        }
        let error = Project::new(&[]).link("web/.dockerignore", "gone").read("").unwrap_err().to_string();
        assert!(error.starts_with(".dockerignore cannot be read: "), "{error}");
        let utf16 = Project::new(&[("web/main.py", ""), ("web/keys.txt", "")]);
        fs::write(utf16.0.path().join("web/.dockerignore"), b"\xFF\xFEk\0*\0").unwrap();
        assert_eq!(utf16.image(""), "main.py");
    }

    #[test]
    fn secrets_stay_out_unless_they_are_asked_for() {
        let key = "-----BEGIN PRIVATE KEY-----\nx";
        let project = Project::new(&[
            ("web/main.py", ""),
            ("web/.env", "A=b"),
            ("web/.env.example", "A="),
            ("web/conf/prod.env", "A=b"),
            ("web/conf/tls.pem", key),
            ("web/conf/ca.pem", "-----BEGIN CERTIFICATE-----"),
            ("web/.ssh/config", ""),
            ("web/.git/HEAD", ""),
            ("shared/.env", "A=b"),
        ])
        .link("web/shared", "../shared");
        let without = ".env.example .ssh/ conf/ conf/ca.pem main.py shared/";
        assert_eq!(project.image(""), without);
        assert_eq!(project.image("conf"), without, "a folder that is asked for is not its secrets");
        assert_eq!(
            project.image(".env conf/tls.pem .ssh .git shared/.env"),
            ".env .env.example .git/ .git/HEAD .ssh/ .ssh/config conf/ conf/ca.pem conf/tls.pem main.py shared/ shared/.env"
        );
        assert_eq!(
            project.read("").unwrap().notes,
            [
                "left out of the image, as they hold secrets: `.env`, `.ssh/config`, `conf/prod.env`, `conf/tls.pem`, `shared/.env`"
            ]
        );
        assert_eq!(project.read("").unwrap().listing.text(".env"), None);
    }

    /// Bug: a link that leads out of the source folder, or another name of the file that `env_file` names, brought secrets
    /// along under a name that tells nothing.
    #[test]
    fn secrets_have_every_name_that_leads_to_them() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nx";
        let project = Project::new(&[
            ("web/main.py", ""),
            ("web/empty.py", ""),
            ("web/own.vars", "A=own"),
            ("web/copy.txt", "A=own"),
            (".env", "A=b"),
            ("vars.txt", "A=vars"),
            ("empty", ""),
            ("conf/prod.env", "A=b"),
            ("x/conf/k.pem", key),
            ("secretsd/id", key),
            ("plain/django", "A=b"),
            ("lib/util.py", ""),
            (".env.example", "A="),
        ])
        .link("web/settings.txt", "../.env")
        .link("web/vv", "../vars.txt")
        .link("web/p.py", "../conf/prod.env")
        .link("web/dt.css", "../x/conf/k.pem")
        .link("web/sd", "../secretsd")
        .link("web/chain.py", "sd/id")
        .link("staging.env", "plain/django")
        .link("web/far.html", "../staging.env")
        .link(".envs", "plain")
        .link("web/envs", "../.envs")
        .link("web/util.py", "../lib/util.py")
        .link("web/sample.txt", "../.env.example")
        .link("web/inner.py", "own.vars");
        fs::hard_link(project.0.path().join("vars.txt"), project.0.path().join("web/hard.txt")).unwrap();
        assert_eq!(project.image(""), "empty.py envs/ inner.py->own.vars main.py sample.txt sd/ util.py");
        assert_eq!(
            project.read("").unwrap().notes,
            [
                "left out of the image, as they hold secrets: `chain.py`, `copy.txt`, `dt.css`, `envs/django`, `far.html`, \
              `hard.txt`, `own.vars`, `p.py`, `sd/id`, `settings.txt`, `vv`"
            ]
        );
        assert_eq!(
            project.image("vv p.py"),
            "empty.py envs/ inner.py->own.vars main.py p.py sample.txt sd/ util.py vv"
        );
    }

    #[test]
    fn links_lead_where_they_led() {
        let project = Project::new(&[
            ("web/reqs/base.txt", "flask"),
            ("web/pkg/deep/x.py", ""),
            ("shared/lib.py", ""),
            ("shared/sub/y.py", ""),
            ("common.txt", "httpx"),
        ])
        .link("web/requirements.txt", "reqs/base.txt")
        .link("web/code", "pkg")
        .link("web/around", "../web/reqs")
        .link("web/self", ".")
        .link("web/pkg/up", "..")
        .link("web/shared", "../shared")
        .link("web/common.txt", "../common.txt")
        .link("web/project", "..")
        .link("web/lost.txt", "gone")
        .link("web/out", "/etc")
        .link("shared/own", "sub")
        .link("shared/back", "../web/reqs")
        .link("shared/loop", "../shared");
        assert_eq!(
            project.image(""),
            "around->reqs code->pkg common.txt lost.txt->gone out->/etc pkg/ pkg/deep/ pkg/deep/x.py pkg/up->.. project->.. \
             reqs/ reqs/base.txt requirements.txt->reqs/base.txt self->. shared/ shared/back->../reqs shared/lib.py \
             shared/loop->../shared shared/own->sub shared/sub/ shared/sub/y.py"
        );
        let listing = project.read("").unwrap().listing;
        for (path, want) in [
            ("requirements.txt", Some("flask")),
            ("around/base.txt", Some("flask")),
            ("self/self/code/deep/x.py", Some("")),
            ("common.txt", Some("httpx")),
            ("shared/lib.py", Some("")),
            ("lost.txt", None),
        ] {
            assert_eq!(listing.text(path), want, "{path}");
        }
        assert!(listing.read("lost.txt").is_err(), "a file that is there is not ignored");
        let before = project.read("").unwrap().digest;
        fs::write(project.0.path().join("common.txt"), "other").unwrap();
        assert_ne!(project.read("").unwrap().digest, before);
    }
}
