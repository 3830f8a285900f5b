//! The keys of `dormouse.toml`, once: what the reader knows, what docs/manifest.md lists and what docs/dormouse.schema.json
//! allows. Tests write the last two: `UPDATE_EXPECT=1 cargo test -p dormouse-model`.

/// A key.
#[cfg_attr(not(test), expect(dead_code, reason = "reference and schema are written by tests"))]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What its value may look like.
    pub(super) shape: Shape,
    /// What holds without it: a value, or words.
    pub(super) default: &'static str,
    pub(super) example: &'static str,
    /// What it does, as Markdown on one line.
    pub(super) meaning: &'static str,
}

/// What a value may look like.
#[cfg_attr(not(test), expect(dead_code, reason = "reference and schema are written by tests"))]
pub(super) enum Shape {
    Bool,
    /// Text or a list of arguments.
    Command,
    /// One of them, or a list.
    Commands,
    /// A number, or the text of one.
    Cores,
    /// Files of variables: a path, a table, or a list of these.
    Files,
    /// A probe or a table.
    Health,
    /// A time above zero, or never.
    Idle,
    /// A whole number from the one to the other.
    Number(u32, u32),
    OneOf(&'static [&'static str]),
    /// A path, or a mere connection.
    Probe,
    Services,
    /// Bytes.
    Size,
    /// An idle time or a table.
    Sleep,
    Text,
    Texts,
    Time,
    /// Names and values.
    Variables,
}

/// Their names.
pub(super) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}

pub(super) const KINDS: [&str; 3] = ["web", "worker", "job"];
pub(super) const DEPTHS: [&str; 3] = ["frozen", "paged", "stopped"];
pub(super) const STREAMS: [&str; 2] = ["count", "ignore"];

/// Keys of the file.
pub(super) const FILE: &[Key] = &[
    Key {
        name: "name",
        shape: Shape::Text,
        default: "the folder's name",
        example: r#"name = "shop""#,
        meaning: "the project: it names the public host `shop.localhost` and what the commands are given. Another folder with the same name does not replace it, unless `deploy --project shop` says so (build servers, which clone to a new folder each time, say it always)",
    },
    Key {
        name: "services",
        shape: Shape::Services,
        default: "found in the code",
        example: "services = { web = { port = 3000 } }",
        meaning: "one table for each service; usually written `[services.web]`",
    },
];

/// Keys of a service.
pub(super) const SERVICE: &[Key] = &[
    Key {
        name: "source",
        shape: Shape::Text,
        default: "the folder of its name, else the project's",
        example: r#"source = "apps/api""#,
        meaning: "the folder with its code, relative to the manifest",
    },
    Key {
        name: "include",
        shape: Shape::Texts,
        default: "`[]`",
        example: r#"include = ["frontend"]"#,
        meaning: "what belongs to its image although it lies in another service's folder, is the manifest, is named in `.dockerignore`, or holds secrets ([source.md](source.md)), relative to `source`. Folders that the code imports, or that `start` or the requirements name, are found without; secrets have to be named one by one",
    },
    Key {
        name: "kind",
        shape: Shape::OneOf(&KINDS),
        default: r#"`"web"`"#,
        example: r#"kind = "worker""#,
        meaning: "`web` listens on a port and is routed to; `worker` does not, and never falls asleep by itself; `job` runs once at each deploy, to its end (see below)",
    },
    Key {
        name: "start",
        shape: Shape::Command,
        default: "found in the code",
        example: r#"start = ["python", "main.py"]"#,
        meaning: r#"the command, as one line (no shell: `&&` and the like need `["sh", "-c", "..."]`) or as a list; `$PORT` in it is replaced"#,
    },
    Key {
        name: "workdir",
        shape: Shape::Text,
        default: r#"`"."`"#,
        example: r#"workdir = "src""#,
        meaning: "the folder it is started in, relative to `source`, which is `/app` in the image",
    },
    Key {
        name: "requirements",
        shape: Shape::Text,
        default: "found: `requirements.txt`, `pyproject.toml` and their kin, `requirements/prod.txt`, `requirements/base.txt` and the like",
        example: r#"requirements = "conf/server.txt""#,
        meaning: "Python: the file that lists its packages, relative to `source`",
    },
    Key {
        name: "install",
        shape: Shape::Commands,
        default: "found in the code",
        example: r#"install = "pip install .""#,
        meaning: "Python: what installs its packages, in the source folder, instead of what would be done without it; one command or a list of them",
    },
    Key {
        name: "package",
        shape: Shape::Text,
        default: "the only one",
        example: r#"package = "api""#,
        meaning: "which package, where a Cargo workspace has several",
    },
    Key {
        name: "port",
        shape: Shape::Number(1, 65_535),
        default: "the one in `start` or the `Procfile`, or in gunicorn's settings, else 8000, for Rust 8080",
        example: "port = 3000",
        meaning: "where it listens, and where other services reach it",
    },
    Key {
        name: "health",
        shape: Shape::Health,
        default: "found in the code",
        example: r#"health = "/healthz""#,
        meaning: r#"the path that is asked whether it is well, `"tcp"` where a connection is enough, or a table (below)"#,
    },
    Key {
        name: "needs",
        shape: Shape::Texts,
        default: "`[]`; without a manifest the front needs all others",
        example: r#"needs = ["backend"]"#,
        meaning: "services that are woken together with it",
    },
    Key {
        name: "after",
        shape: Shape::Texts,
        default: "`[]`",
        example: r#"after = ["migrate"]"#,
        meaning: "what has to be there, at the same deploy, before it is started: jobs done, other services ready",
    },
    Key {
        name: "replicas",
        shape: Shape::Number(1, crate::MOST_REPLICAS),
        default: "`1`",
        example: "replicas = 3",
        meaning: "how many instances of it run side by side, each within its own `memory`, `cpu`, `pids` and `disk`; a job has one ([replicas.md](replicas.md))",
    },
    Key {
        name: "memory",
        shape: Shape::Size,
        default: r#"`"1GiB"`"#,
        example: r#"memory = "512MiB""#,
        meaning: "what it may use; more ends it",
    },
    Key { name: "cpu", shape: Shape::Cores, default: "`1`", example: "cpu = 0.5", meaning: "processors" },
    Key {
        name: "pids",
        shape: Shape::Number(2, 4_000_000),
        default: "`512`",
        example: "pids = 1000",
        meaning: "processes and threads",
    },
    Key {
        name: "disk",
        shape: Shape::Size,
        default: r#"`"8GiB"`"#,
        example: r#"disk = "2GiB""#,
        meaning: "what it may write to files, `/tmp` and changed files of its image included: bytes, and a file for each 16 KiB of them. More is refused (`No space left on device`), and `ps` says so. A process that ends, and each deploy, begins with an empty one",
    },
    Key {
        name: "env",
        shape: Shape::Variables,
        default: "`{}`",
        example: r#"env = { MODE = "test" }"#,
        meaning: "its environment; `${NAME}` in a value is filled in at deploy ([env.md](env.md))",
    },
    Key {
        name: "env_file",
        shape: Shape::Files,
        default: "`[]`",
        example: r#"env_file = "web.env""#,
        meaning: "files of variables: a path, a list of them, or of tables (below). A `PORT` in one of them is not used: it is the service's `port`",
    },
    Key {
        name: "public",
        shape: Shape::Bool,
        default: "true for the only web service, or the one named `frontend`, `web` or `app`",
        example: "public = true",
        meaning: "whether it has a public host; saying it for one decides it for all. Of several `frontend`, `web` or `app` has the project's own, else the first by name; each has `<service>--<project>`",
    },
    Key {
        name: "sleep",
        shape: Shape::Sleep,
        default: r#"`"5m"`"#,
        example: r#"sleep = "10m""#,
        meaning: r#"idle time until it falls asleep, `"never"`, or a table (below)"#,
    },
    Key {
        name: "stop_grace",
        shape: Shape::Time,
        default: r#"`"30s"`"#,
        example: r#"stop_grace = "2m""#,
        meaning: "what requests in flight get to finish when it is stopped",
    },
    Key {
        name: "packages",
        shape: Shape::Texts,
        default: "`[]`",
        example: r#"packages = ["ffmpeg"]"#,
        meaning: "Debian packages that its image needs",
    },
];

/// Keys of `health`.
pub(super) const HEALTH: &[Key] = &[
    Key {
        name: "path",
        shape: Shape::Probe,
        default: "found in the code",
        example: r#"path = "/healthz""#,
        meaning: "as `health` alone",
    },
    Key {
        name: "interval",
        shape: Shape::Time,
        default: r#"`"10s"`"#,
        example: r#"interval = "30s""#,
        meaning: "between two questions to one that is ready",
    },
    Key {
        name: "timeout",
        shape: Shape::Time,
        default: r#"`"5s"`"#,
        example: r#"timeout = "2s""#,
        meaning: "what one answer may take",
    },
    Key {
        name: "start_timeout",
        shape: Shape::Time,
        default: r#"`"2m"`"#,
        example: r#"start_timeout = "10m""#,
        meaning: "from the start to the first good answer",
    },
    Key {
        name: "failures",
        shape: Shape::Number(1, 1000),
        default: "`3`",
        example: "failures = 5",
        meaning: "bad answers in a row, with no request in flight, that end it",
    },
    Key {
        name: "hang_timeout",
        shape: Shape::Time,
        default: r#"`"2m"`"#,
        example: r#"hang_timeout = "5m""#,
        meaning: "how long it may answer neither this nor a request in flight",
    },
];

/// Keys of a file of variables.
pub(super) const ENV_FILE: &[Key] = &[
    Key {
        name: "path",
        shape: Shape::Text,
        default: "has to be there",
        example: r#"path = "web.env""#,
        meaning: "the file, relative to the manifest",
    },
    Key {
        name: "required",
        shape: Shape::Bool,
        default: "`true`",
        example: "required = false",
        meaning: "whether it has to exist",
    },
    Key {
        name: "format",
        shape: Shape::Text,
        default: "as compose reads them",
        example: r#"format = "raw""#,
        meaning: "`raw`: quotes, comments and `$` stand for themselves",
    },
];

/// Keys of `sleep`.
pub(super) const SLEEP: &[Key] = &[
    Key {
        name: "after",
        shape: Shape::Idle,
        default: r#"`"5m"`"#,
        example: r#"after = "never""#,
        meaning: r#"the idle time; `"never"` or `false`: not by itself"#,
    },
    Key {
        name: "depth",
        shape: Shape::OneOf(&DEPTHS),
        default: r#"`"paged"`"#,
        example: r#"depth = "stopped""#,
        meaning: r#"`"frozen"`: memory stays resident; `"paged"`: it is pushed to swap; `"stopped"`: no process, the next request starts one"#,
    },
    Key {
        name: "streams",
        shape: Shape::OneOf(&STREAMS),
        default: r#"`"count"`"#,
        example: r#"streams = "ignore""#,
        meaning: "whether what it says by itself on open WebSockets and event streams is use",
    },
    Key {
        name: "patience",
        shape: Shape::Time,
        default: r#"`"15m"`"#,
        example: r#"patience = "1h""#,
        meaning: "how long an answer that does not come keeps it awake",
    },
];
