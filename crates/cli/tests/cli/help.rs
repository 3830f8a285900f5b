//! What needs no server: help, usage, and its absence.

use expect_test::{Expect, expect};

use crate::dormouse;

fn check(args: &[&str], expected: &Expect) {
    let state = tempfile::tempdir().unwrap();
    expected.assert_eq(&dormouse(state.path(), args).all());
}

#[test]
fn help() {
    check(
        &["--help"],
        &expect![[r#"
            Runs your app from its folder, and puts it to sleep, memory and all, while nobody uses it

            Usage: dormouse [OPTIONS] <COMMAND>

            Commands:
              up           Start a server if none runs, build and deploy a folder, show its URL, and stay until
                           Ctrl-C
              serve        Run the server; when it is stopped the apps run on, and the next one takes them over
              deploy       Build and deploy a folder to a running server
              cancel       End a deploy that is under way; what was live before it goes on
              ps           List services
              logs         Show what services write, and what happens to them
              sleep        Put a project or a service to sleep now
              wake         Wake a project or a service
              restart      Replace a project's or a service's processes by new ones, without a gap
              env          Keep variables and secrets for a project's services
              down         Stop projects and forget them
              doctor       Check whether this machine can run apps, and say what to do where not
              completions  Print what makes a shell complete these commands
              help         Print this message or the help of the given subcommand(s)

            Options:
                  --state <DIR>    State folder of the server [default: /var/lib/dormouse for root,
                                   ~/.local/share/dormouse otherwise] [env: DORMOUSE_STATE]
                  --listen <ADDR>  Address that visitors connect to, or only its port; 0.0.0.0:80 lets others in
                                   [default: 127.0.0.1:8080]
                  --json           Write JSON for programs
              -h, --help           Print help
              -V, --version        Print version
            [0]
        "#]],
    );
}

#[test]
fn help_of_logs() {
    check(
        &["logs", "--help"],
        &expect![[r#"
            Show what services write, and what happens to them

            Usage: dormouse logs [OPTIONS] [PROJECT[/SERVICE]]

            Arguments:
              [PROJECT[/SERVICE]]  Whose logs; without it, everybody's; with --build also a deploy's number,
                                   such as d14

            Options:
                  --build          Show the newest build and rollout of a project instead, to its end when it
                                   still runs
                  --state <DIR>    State folder of the server [default: /var/lib/dormouse for root,
                                   ~/.local/share/dormouse otherwise] [env: DORMOUSE_STATE]
              -f, --follow         Stay, and show lines as they are written
                  --listen <ADDR>  Address that visitors connect to, or only its port; 0.0.0.0:80 lets others in
                                   [default: 127.0.0.1:8080]
                  --json           Write JSON for programs
                  --since <WHEN>   Nothing older: 30s, 10min, 2h, 1d, or a time such as 2026-01-31, "2026-01-31
                                   12:00", 2026-01-31T12:00:00Z
              -n, --tail <LINES>   At most so many of the newest lines
              -h, --help           Print help
            [0]
        "#]],
    );
}

#[test]
fn version() {
    check(
        &["--version"],
        &expect![[r#"
        dormouse 1.2.3
        [0]
    "#]],
    );
}

#[test]
fn a_slip_in_the_command() {
    check(
        &["deplyo"],
        &expect![[r#"
        error: unrecognized subcommand 'deplyo'

          tip: a similar subcommand exists: 'deploy'

        Usage: dormouse [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [2]
    "#]],
    );
}

#[test]
fn a_time_that_is_none() {
    check(
        &["logs", "--since", "5"],
        &expect![[r#"
            error: invalid value '5' for '--since <WHEN>': 5 of what? Write it with its unit, such as 5s, 5min, 5h or 5d

            For more information, try '--help'.
            [2]
        "#]],
    );
    check(
        &["logs", "--since", "yesterday"],
        &expect![[r#"
            error: invalid value 'yesterday' for '--since <WHEN>': write it like 30s, 10min, 2h or 1d, or as a time such as 2026-01-31, "2026-01-31 12:00" or 2026-01-31T12:00:00Z

            For more information, try '--help'.
            [2]
        "#]],
    );
}

#[test]
fn no_server() {
    check(
        &["ps"],
        &expect![[r#"
        error: no server answers at STATE/api.sock: No such file or directory (os error 2)
          hint: start one with `dormouse up DIR` or `dormouse serve`, or name its state folder with --state
        [1]
    "#]],
    );
}

#[test]
fn a_port_is_an_address_enough() {
    for (typed, meant) in
        [(":18600", "127.0.0.1:18600"), ("8081", "127.0.0.1:8081"), ("localhost:8082", "127.0.0.1:8082")]
    {
        let state = tempfile::tempdir().unwrap();
        let said = dormouse(state.path(), &["serve", "--listen", typed]).err;
        assert_eq!(said, format!("error: would serve STATE on {meant}\n"));
    }
    check(
        &["serve", "--listen", "example.org:80"],
        &expect![[r#"
        error: invalid value 'example.org:80' for '--listen <ADDR>': write a port such as 8080, or an address with one: 127.0.0.1:8080, 0.0.0.0:80, [::]:80

        For more information, try '--help'.
        [2]
    "#]],
    );
}

#[test]
fn completions() {
    for (shell, begins) in [("bash", "_dormouse() {"), ("zsh", "#compdef dormouse"), ("fish", "# Print an")] {
        let state = tempfile::tempdir().unwrap();
        let ran = dormouse(state.path(), &["completions", shell]);
        assert!(ran.code == 0 && ran.out.starts_with(begins), "{shell}: {}", ran.out);
        for word in ["restart", "keep-logs", "since", "completions"] {
            assert!(ran.out.contains(word), "{shell} does not know {word}");
        }
    }
    check(
        &["completions", "tcsh"],
        &expect![[r#"
        error: invalid value 'tcsh' for '<SHELL>'
          [possible values: bash, elvish, fish, powershell, zsh]

          tip: a similar value exists: 'zsh'

        For more information, try '--help'.
        [2]
    "#]],
    );
}

#[test]
fn the_whole_machine_is_no_project() {
    check(
        &["deploy", "/"],
        &expect![[r#"
        error: / is everything on this machine, not a project
          hint: name the project's own folder: `dormouse deploy DIR`
        [1]
    "#]],
    );
    check(
        &["up", "/"],
        &expect![[r#"
        error: / is everything on this machine, not a project
          hint: name the project's own folder: `dormouse deploy DIR`
        [1]
    "#]],
    );
}

#[test]
fn no_project_named() {
    check(
        &["down"],
        &expect![[r#"
        error: the following required arguments were not provided:
          <PROJECT>...

        Usage: dormouse down <PROJECT>...

        For more information, try '--help'.
        [2]
    "#]],
    );
}

#[test]
fn no_folder() {
    check(
        &["deploy", "/no/such/folder"],
        &expect![[r#"
        error: there is no folder /no/such/folder
        [1]
    "#]],
    );
}

#[test]
fn serve_gets_its_settings() {
    check(
        &["serve", "--listen", "127.0.0.1:9999"],
        &expect![[r#"
        error: would serve STATE on 127.0.0.1:9999
        [1]
    "#]],
    );
    check(
        &["serve", "--take-over", "--stop-apps"],
        &expect![[r#"
        error: would serve STATE as whom it takes over from, the apps ending with it
        [1]
    "#]],
    );
}

#[test]
fn nothing_to_take_down() {
    check(
        &["down", "--all"],
        &expect![[r#"
        nothing is deployed
        [0]
    "#]],
    );
    check(
        &["down"],
        &expect![[r#"
            error: the following required arguments were not provided:
              <PROJECT>...

            Usage: dormouse down <PROJECT>...

            For more information, try '--help'.
            [2]
        "#]],
    );
}

#[test]
fn doctor() {
    check(
        &["doctor"],
        &expect![[r#"
        ok    kernel      6.18
        warn  swap        none
                          hint: allow zram
        FAIL  privileges  not root
                          hint: run it with sudo

        1 thing keeps apps from running on this machine.
        [1]
    "#]],
    );
}

#[test]
fn doctor_for_programs() {
    check(
        &["doctor", "--json"],
        &expect![[r#"
        [{"name":"kernel","verdict":"ok","detail":"6.18","hint":null},{"name":"swap","verdict":"warn","detail":"none","hint":"allow zram"},{"name":"privileges","verdict":"fail","detail":"not root","hint":"run it with sudo"}]
        [1]
    "#]],
    );
}
