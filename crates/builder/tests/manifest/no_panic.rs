//! Whatever is in the files, there is an answer.

use proptest::prelude::*;

use super::{folder, shown};

/// Pieces that get further into the readers than noise does.
const PIECES: [&str; 56] = [
    "[services.web]\n",
    "[services]\n",
    "name = ",
    "source = ",
    "start = ",
    "port = ",
    "health = ",
    "needs = ",
    "sleep = ",
    "memory = ",
    "env = ",
    "'a b'",
    "\"$X\"",
    "[1, 2]",
    "{ a = 1 }",
    "-1",
    "1e400",
    "nan",
    "99999999999999999999",
    "\n",
    "\t",
    "é",
    "🐭",
    "\0",
    "services:\n",
    "  web:\n",
    "    build: .\n",
    "    ports:\n",
    "      - '8:9'\n",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\r\n",
    ": ",
    "include: [compose.yml]\n",
    "    extends: web\n",
    "    extends: {file: compose.yml, service: web}\n",
    "    environment: [A, B=${C:-${D}}, PORT=x]\n",
    "    env_file: [.env, {path: x, required: false}]\n",
    "    depends_on: {db: {condition: x}}\n",
    "    healthcheck: {test: 'curl localhost:/x', retries: '5'}\n",
    "    deploy: {replicas: 2, resources: {limits: {cpus: 0}}}\n",
    "    command: \"a 'b\"\n",
    "    ports: !reset [9-8, '1:2:3/udp', {target: }]\n",
    "    networks: {n: {aliases: [A_b]}}\n",
    "    profiles: [x]\n",
    "  db: {image: x}\n",
    "  A_b: {build: {context: ../..}}\n",
    "${A:-",
    "$$",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn pieces(picks in prop::collection::vec(0..PIECES.len(), 0..40), file in 0..3_usize) {
        let text: String = picks.iter().map(|i| PIECES[*i]).collect();
        let _ = shown(&folder("x", &[(["dormouse.toml", "compose.yml", "main.py"][file], &text), ("requirements.txt", &text)]));
    }

    #[test]
    fn noise(text in "\\PC{0,200}", name in "\\PC{0,40}", file in 0..2_usize) {
        let _ = shown(&folder(&name, &[(["dormouse.toml", "compose.yml"][file], &text)]));
    }

    /// A right manifest with one stretch of it replaced.
    #[test]
    fn damage(at in 0..230_usize, len in 0..20_usize, with in "\\PC{0,8}") {
        let mut text = "name = \"shop\"\n[services.web]\nsource = \".\"\nstart = \"python main.py\"\nport = 80\nmemory = \"1GB\"\ncpu = 0.5\nneeds = [\"db\"]\nhealth = { path = \"/h\", interval = \"5s\" }\nenv = { A = \"b\" }\n[services.db]\nsleep = \"5m\"\n".to_owned();
        let at = at.min(text.len());
        text.replace_range(at..(at + len).min(text.len()), &with);
        let _ = shown(&folder("x", &[("dormouse.toml", &text)]));
    }
}
